# SPDX-License-Identifier: Apache-2.0
# The consumer, built by each way that byteloom comes: see consume.py.
foreach(way subdirectory fetch package conan vcpkg examples architectures components)
  add_test(NAME consume.${way} COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/consume.py ${way}
    --clone ${PROJECT_SOURCE_DIR} --work ${CMAKE_CURRENT_BINARY_DIR}/consume/${way} --cmake ${CMAKE_COMMAND}
    --cuda $<BOOL:${byteloom_with_cuda}>)
  set_tests_properties(consume.${way} PROPERTIES LABELS consume SKIP_RETURN_CODE 77 TIMEOUT 900)
endforeach()
