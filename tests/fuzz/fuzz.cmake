# SPDX-License-Identifier: Apache-2.0
# Every tests/fuzz/*.cpp is a libFuzzer target, run for 60 seconds under the sanitizers where clang++ is found.
find_program(BYTELOOM_CLANGXX NAMES clang++ clang++-14)
if(NOT BYTELOOM_CLANGXX)
  message(STATUS "byteloom: no clang++, so the fuzz targets are left out")
  return()
endif()
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
get_target_property(json_includes nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${name})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz)
  add_custom_command(OUTPUT ${program}
    COMMAND ${BYTELOOM_CLANGXX} -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
      -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/tests ${source} -o ${program}
    DEPENDS ${source} ${byteloom_headers} VERBATIM)
  add_custom_target(fuzz_${name} ALL DEPENDS ${program})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/corpus_${name})
  add_test(NAME fuzz.${name}
    COMMAND ${program} -max_total_time=60 -rss_limit_mb=2048 -malloc_limit_mb=64
      ${CMAKE_CURRENT_BINARY_DIR}/corpus_${name} ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS slow TIMEOUT 180 ENVIRONMENT "${byteloom_test_environment}")
endforeach()
