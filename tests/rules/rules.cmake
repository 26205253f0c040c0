# SPDX-License-Identifier: Apache-2.0
# The rules of docs/design.md that can be read off the files: see rules.py. The second test plants violations.
add_test(NAME rules COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/rules.py ${PROJECT_SOURCE_DIR})
add_test(NAME rules.self_test COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/rules.py --self-test)

# docs/support.md says what the tests say.
add_test(NAME support COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/support.py ${PROJECT_SOURCE_DIR})
add_test(NAME support.self_test COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/support.py --self-test)

# What translation units and kernels cost, without a GPU: see bench/.
foreach(script compile/budget resources/resources)
  get_filename_component(name ${script} NAME)
  set(command Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/${script}.py)
  add_test(NAME bench.${name}.self_test COMMAND ${command} --self-test)
  if(byteloom_with_cuda)
    add_test(NAME bench.${name} COMMAND ${command} --nvcc ${CMAKE_CUDA_COMPILER})
    set_tests_properties(bench.${name} PROPERTIES TIMEOUT 600)
  endif()
endforeach()
add_test(NAME bench.compare.self_test COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/compare.py --self-test)
add_test(NAME bench.compare.check COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/compare.py --check)
