# The spawner alone, for tests and the bench of machines; in croft it is a hidden subcommand.
add_executable(croft-spawner ${CMAKE_SOURCE_DIR}/src/sandbox/spawner_main.cpp)
target_link_libraries(croft-spawner croft_sandbox)
set_target_properties(croft-spawner PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
if(TARGET sandbox_test)
  add_dependencies(sandbox_test croft-spawner)
  target_compile_definitions(sandbox_test PRIVATE CROFT_SPAWNER="${CMAKE_BINARY_DIR}/test/croft-spawner")
endif()

add_executable(machine_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/sandbox/machine_bench_main.cpp)
target_link_libraries(machine_bench croft_sandbox)
set_target_properties(machine_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
target_compile_definitions(machine_bench PRIVATE CROFT_SPAWNER="${CMAKE_BINARY_DIR}/test/croft-spawner")
add_dependencies(machine_bench croft-spawner)

# Thousands of simulated agents against the controller's part that holds them; not built by default.
add_executable(agents_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/controller/hosts/agents_bench_main.cpp)
target_link_libraries(agents_bench croft_controller)
set_target_properties(agents_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
