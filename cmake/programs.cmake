add_executable(croft ${CMAKE_SOURCE_DIR}/src/main.cpp)
target_link_libraries(croft croft_cli)
if(NOT CROFT_SANITIZE)
  target_link_options(croft PRIVATE -static-libstdc++ -static-libgcc)
endif()
set_target_properties(croft PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# The farm alone, for its tests and benches.
add_executable(croft-farm-dev EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/farm/farm_main.cpp)
target_link_libraries(croft-farm-dev croft_farm)
set_target_properties(croft-farm-dev PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# The farm clients alone, for tests against any farm.
add_executable(croft-cloud-dev EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/cloud/cloud_main.cpp)
target_link_libraries(croft-cloud-dev croft_cloud)
set_target_properties(croft-cloud-dev PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
