# The compiler must run coroutines as written. Debian's g++ 12.2 does not: the probe fails there.
set(CMAKE_TRY_COMPILE_TARGET_TYPE EXECUTABLE)
if(NOT DEFINED CROFT_COROUTINES_WORK)
  try_run(CROFT_COROUTINES_RUN CROFT_COROUTINES_BUILT
    ${CMAKE_BINARY_DIR}/probe ${CMAKE_SOURCE_DIR}/cmake/coroutine_probe.cpp
    CMAKE_FLAGS -DCMAKE_CXX_STANDARD=23
    COMPILE_DEFINITIONS -std=c++23
    COMPILE_OUTPUT_VARIABLE croft_probe_log)
  if(NOT CROFT_COROUTINES_BUILT OR NOT CROFT_COROUTINES_RUN EQUAL 0)
    message(FATAL_ERROR "This compiler (${CMAKE_CXX_COMPILER}) miscompiles coroutines or lacks "
      "C++23. Use clang 19: tools/setup.sh installs it, and the presets choose it.\n${croft_probe_log}")
  endif()
  set(CROFT_COROUTINES_WORK ON CACHE INTERNAL "")
endif()

add_compile_options(-Wall -Wextra -Wswitch-enum -Werror=switch-enum -Werror=unused-result
  -Werror=return-type -Wno-missing-field-initializers -fno-omit-frame-pointer
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -fpch-instantiate-templates)
add_compile_definitions(CROFT_VERSION="${PROJECT_VERSION}")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
add_link_options(-fuse-ld=lld-19)
# The same for libraries and programs: they share one precompiled header.
add_compile_options(-fPIE)
add_link_options(-pie)

if(CROFT_SANITIZE)
  add_compile_options(-fsanitize=${CROFT_SANITIZE} -fno-sanitize-recover=all)
  # A fifth of the build: AddressSanitizer sees a null that is followed, x86 takes any alignment.
  if(CROFT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
  add_link_options(-fsanitize=${CROFT_SANITIZE})
endif()

if(CROFT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
