# croft-init: process 1 of a machine, static, embedded into croft_sandbox. Included before the modules.
add_executable(croft-init ${CMAKE_SOURCE_DIR}/src/sandbox/init_main.cpp)
target_include_directories(croft-init PRIVATE ${CMAKE_SOURCE_DIR}/src)
set_target_properties(croft-init PROPERTIES POSITION_INDEPENDENT_CODE OFF
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/embed)
# Optimised in every build: its pages are read at the start of every machine. Never sanitized.
target_compile_options(croft-init PRIVATE -Os -g0 -fno-pic -fno-pie -fno-exceptions -fno-rtti
  -ffunction-sections -fdata-sections -fno-sanitize=all)
target_link_options(croft-init PRIVATE -static -s -Wl,--gc-sections -fno-sanitize=all -Wno-unused-command-line-argument)

set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/sandbox/init_image.cpp PROPERTY
  OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/embed/croft-init)
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/sandbox/init_image.cpp PROPERTY
  COMPILE_DEFINITIONS CROFT_INIT_IMAGE="${CMAKE_BINARY_DIR}/embed/croft-init")
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/sandbox/init_image.cpp PROPERTY SKIP_PRECOMPILE_HEADERS ON)
