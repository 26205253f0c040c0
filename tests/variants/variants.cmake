# SPDX-License-Identifier: Apache-2.0
# The host tests again: under clang, and under the sanitizers. Each is a build of its own, by its preset.
find_program(BYTELOOM_CLANGXX NAMES clang++ clang++-14)
foreach(variant host-clang host-sanitize)
  if(variant STREQUAL "host-clang" AND NOT BYTELOOM_CLANGXX)
    message(STATUS "byteloom: no clang++, so the host tests are not run under clang")
    continue()
  endif()
  add_test(NAME variant.${variant} COMMAND ${CMAKE_COMMAND} --workflow --preset ${variant}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(variant.${variant} PROPERTIES LABELS slow TIMEOUT 3600 RUN_SERIAL ON
    ENVIRONMENT "${byteloom_test_environment};BYTELOOM_TEST_WINDOWS=1")
endforeach()
