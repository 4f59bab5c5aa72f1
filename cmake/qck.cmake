# What every target of the project shares: language level, warnings, sanitizers, and the
# functions that declare a library, a test and a fuzzer.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(QCK_SANITIZE "" CACHE STRING "Sanitizers to build with, for example address,undefined")

find_program(QCK_CCACHE ccache)
if(QCK_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${QCK_CCACHE})
endif()

add_library(qck_options INTERFACE)
target_include_directories(qck_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(qck_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
# GCC collects its garbage from 1 GiB on, not from 128 MiB: a tenth of the time of a build.
target_compile_options(qck_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=1048576>)
if(QCK_SANITIZE)
  target_compile_options(qck_options INTERFACE -fsanitize=${QCK_SANITIZE} -fno-omit-frame-pointer)
  # GCC 12 takes std::regex (in Catch2) for uninitialized when it is instrumented.
  target_compile_options(qck_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  # Asio has a fence that GCC's thread sanitizer does not know; our uses of it are of one thread.
  target_compile_options(qck_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  target_link_options(qck_options INTERFACE -fsanitize=${QCK_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)

# qck_library(NAME [COLD] [LIBS …]): the static library of this folder, of every .cpp in it. COLD:
# nothing in it is done often, so that a short build is worth more than its speed.
function(qck_library name)
  cmake_parse_arguments(arg "COLD" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC qck_options ${arg_LIBS})
    if(arg_COLD)
      target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE qck_options ${arg_LIBS})
  endif()
endfunction()

# What is tested is built as it ships; for the tests themselves a short build is worth more than speed.
set(QCK_TEST_OPTIONS $<$<CONFIG:Release>:-O0 -g0>)

# qck_test(NAME LIBS …): one test program of every *_test.cpp in this folder; run by ctest. A program
# that exits with 77 was skipped. SKIPPABLE: its cases tagged [skippable] are a test of their own, so
# that the others do not count as skipped with them.
function(qck_test name)
  cmake_parse_arguments(arg "SKIPPABLE" "TIMEOUT" "LIBS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *_test.cpp)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE test_main ${arg_LIBS})
  target_compile_options(${name} PRIVATE ${QCK_TEST_OPTIONS})
  set(tests ${name})
  if(arg_SKIPPABLE)
    add_test(NAME ${name} COMMAND ${name} "~[skippable]" WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    add_test(NAME ${name}_skippable COMMAND ${name} "[skippable]" WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    list(APPEND tests ${name}_skippable)
  else()
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  set_tests_properties(${tests} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()
