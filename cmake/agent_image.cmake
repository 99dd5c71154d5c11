# croft carries croft-agent for the machines that it makes hosts.
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/controller/hosts/agent_program.cpp PROPERTY
  OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/croft-agent)
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/controller/hosts/agent_program.cpp PROPERTY
  COMPILE_DEFINITIONS CROFT_AGENT_IMAGE="${CMAKE_BINARY_DIR}/croft-agent")
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/controller/hosts/agent_program.cpp PROPERTY
  SKIP_PRECOMPILE_HEADERS ON)
