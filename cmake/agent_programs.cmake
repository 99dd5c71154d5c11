# croft-agent: the program on every host. Static and small; it links neither language, plan, store nor
# archives, as tools/layers.txt has it. Sanitizers need the shared C library.
add_executable(croft-agent ${CMAKE_SOURCE_DIR}/src/agent/agent_main.cpp)
target_link_libraries(croft-agent croft_agent)
set_target_properties(croft-agent PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CROFT_SANITIZE)
  set_target_properties(croft-agent PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_link_options(croft-agent PRIVATE -static -no-pie -Wl,--gc-sections -Wl,--icf=safe
    -Wno-unused-command-line-argument)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_link_options(croft-agent PRIVATE -s)
  endif()
endif()
if(TARGET agent_test)
  add_dependencies(agent_test croft-agent)
  target_compile_definitions(agent_test PRIVATE CROFT_AGENT="${CMAKE_BINARY_DIR}/croft-agent")
endif()
