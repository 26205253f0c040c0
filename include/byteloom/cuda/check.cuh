// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/check: what the CUDA runtime reports becomes an exception that says what was asked and what went
// wrong.

#include <cuda_runtime.h>

#include <cstddef>
#include <string>

#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::cuda::detail {

[[noreturn]] inline void raise(cudaError_t code, const std::string& what) {
  cudaGetLastError();  // the runtime repeats the code at the next launch unless somebody takes it
  const std::string reason = std::string(cudaGetErrorString(code)) + " (" + cudaGetErrorName(code) + ")";
  if (code == cudaErrorMemoryAllocation)
    throw out_of_memory("the GPU has not enough free memory for " + what + "; free some, or ask for less.");
  throw device_error(what + " failed on the GPU: " + reason + ".");
}

/// Throws out_of_memory or device_error where `code` is not success; `what` completes "... failed on the
/// GPU".
inline void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) raise(code, what);
}

/// Throws what a launch that failed with `code` means.
[[noreturn]] inline void raise_launch(cudaError_t code, const char* kernel) {
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();
    throw device_error("the launch of " + std::string(kernel) +
                       " failed: the program holds no code for this GPU; add its architecture to "
                       "CMAKE_CUDA_ARCHITECTURES.");
  }
  raise(code, "the launch of " + std::string(kernel));
}

/// To be called after a launch by <<<...>>>: reports what the launch itself, not the kernel, did wrong.
inline void check_launch(const char* kernel) {
  const cudaError_t code = cudaGetLastError();
  if (code != cudaSuccess) raise_launch(code, kernel);
}

}  // namespace byteloom::inline v0::cuda::detail
