# SPDX-License-Identifier: Apache-2.0
# The rules of docs/design.md that can be read off the files: see rules.py. The second test plants violations.
add_test(NAME rules COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/rules.py ${PROJECT_SOURCE_DIR})
add_test(NAME rules.self_test COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/rules.py --self-test)
