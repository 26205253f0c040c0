# SPDX-License-Identifier: Apache-2.0
# Wrong programs and the sentence that each compiler must say: see expect.py.
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
get_target_property(eigen_includes Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
set(compilers "${CMAKE_CXX_COMPILER}")
if(byteloom_with_cuda)
  list(APPEND compilers "${CMAKE_CUDA_COMPILER}")
endif()
foreach(case IN LISTS cases)
  get_filename_component(name ${case} NAME)
  string(REGEX REPLACE "\\.cpp$" "" name ${name})
  foreach(compiler IN LISTS compilers)
    get_filename_component(spelled ${compiler} NAME_WE)
    file(STRINGS ${case} only REGEX "^// COMPILERS: nvcc$")
    if(only AND NOT spelled STREQUAL "nvcc")
      continue()
    endif()
    add_test(NAME messages.${name}.${spelled}
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/expect.py ${compiler} ${case}
        -I${PROJECT_SOURCE_DIR}/include -isystem ${eigen_includes})
    set_tests_properties(messages.${name}.${spelled} PROPERTIES LABELS messages TIMEOUT 300)
  endforeach()
endforeach()
