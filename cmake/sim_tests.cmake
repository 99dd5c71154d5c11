# test/sim: the controller, the embedded farm and a client in one simulated world. Modules cannot test
# this: farm and cloud never include each other.
# Lives full of trouble, each of one seed: build/PRESET/test/simulation.
add_executable(simulation EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/test/sim/simulation_main.cpp)
target_link_libraries(simulation croft_agent croft_controller croft_farm)
target_precompile_headers(simulation REUSE_FROM croft_upper_pch)
target_include_directories(simulation PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(simulation PRIVATE CROFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
set_target_properties(simulation PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)

if(CROFT_TESTS)
  file(GLOB croft_sim_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/test/sim/*_test.cpp)
  add_executable(sim_test ${croft_sim_tests})
  target_link_libraries(sim_test croft_agent croft_controller croft_farm GTest::gtest GTest::gmock GTest::gtest_main
    ${CROFT_RAPIDCHECK})
  target_precompile_headers(sim_test REUSE_FROM croft_upper_test_pch)
  target_include_directories(sim_test PRIVATE ${CMAKE_SOURCE_DIR}/src)
  set_target_properties(sim_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  target_compile_definitions(sim_test PRIVATE CROFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME sim COMMAND sim_test)
endif()
