# SPDX-License-Identifier: Apache-2.0
# One sentence where CMAKE_CUDA_ARCHITECTURES cannot work, before nvcc says it in its own words.
function(byteloom_check_architectures)
  set(wanted "set CMAKE_CUDA_ARCHITECTURES, for example to \"80;90a-real\"")
  if(NOT CMAKE_CUDA_ARCHITECTURES AND DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES $ENV{CUDAARCHS})
  endif()
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    message(FATAL_ERROR "byteloom: CMAKE_CUDA_ARCHITECTURES is not set, and nvcc's own default (sm_75) is older than "
      "the Ampere GPUs that byteloom needs; ${wanted}.")
  endif()
  foreach(architecture IN LISTS CMAKE_CUDA_ARCHITECTURES)
    string(REGEX REPLACE "-(real|virtual)$" "" number "${architecture}")
    if(number STREQUAL "90")
      message(FATAL_ERROR "byteloom: CMAKE_CUDA_ARCHITECTURES contains ${architecture}, which leaves out the "
        "instructions of Hopper GPUs that byteloom's kernels use; write 90a-real in its place.")
    elseif(number MATCHES "^[0-9]+" AND CMAKE_MATCH_0 LESS 80)
      message(FATAL_ERROR "byteloom: CMAKE_CUDA_ARCHITECTURES contains ${architecture}, which is older than the Ampere "
        "GPUs (80) that byteloom needs; ${wanted}.")
    endif()
  endforeach()
endfunction()
