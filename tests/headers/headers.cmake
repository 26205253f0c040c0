# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone: .hpp by the host compiler with all warnings and without any CUDA path, .hpp and .cuh by
# nvcc; and linked twice into one program, so that nothing in them is defined without inline.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/headers/main.cpp "int main() {}\n")

function(byteloom_header_test name extension)
  set(sources)
  foreach(header IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER ${header} identifier)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${identifier}.${extension})
    # Names that system headers define as macros must not break ours.
    file(CONFIGURE OUTPUT ${source} CONTENT "#define I I\n#define B0 B0\n#define small small\n#include \"${header}\"\n")
    list(APPEND sources ${source})
  endforeach()
  add_library(${name}_objects OBJECT ${sources})
  target_link_libraries(${name}_objects PRIVATE ${BYTELOOM_HEADER_LIBRARIES})
  # Once as objects and once as a library: every object is linked twice.
  add_executable(${name} ${CMAKE_CURRENT_BINARY_DIR}/headers/main.cpp $<TARGET_OBJECTS:${name}_objects>)
  target_link_libraries(${name} PRIVATE ${name}_objects ${BYTELOOM_HEADER_LIBRARIES})
  add_test(NAME headers.${extension} COMMAND ${name})
endfunction()

set(headers)
foreach(header IN LISTS byteloom_headers)
  file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR}/include ${header})
  list(APPEND headers ${relative})
endforeach()
set(plain_headers ${headers})
list(FILTER plain_headers INCLUDE REGEX "\\.hpp$")

set(BYTELOOM_HEADER_LIBRARIES byteloom::byteloom)
byteloom_header_test(headers_host cpp ${plain_headers})
target_compile_options(headers_host_objects PRIVATE ${byteloom_warnings} -O0)

if(byteloom_with_cuda)
  set(BYTELOOM_HEADER_LIBRARIES byteloom::byteloom byteloom::cuda)
  byteloom_header_test(headers_device cu ${headers})
  set_target_properties(headers_device_objects PROPERTIES CUDA_ARCHITECTURES 90a-real)
  target_compile_definitions(headers_device_objects PRIVATE EIGEN_NO_CUDA)
endif()
