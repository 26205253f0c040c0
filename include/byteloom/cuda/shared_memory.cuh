// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/shared_memory: dynamic shared memory beyond the 48 KB that every kernel may use unasked.

#include <cuda_runtime.h>

#include <cstddef>

#include "byteloom/cuda/check.cuh"

namespace byteloom::inline v0::cuda::detail {

/// Lets `kernel` use `bytes` of dynamic shared memory; false where the current device has not so much for a
/// block.
inline bool allow_shared_memory(const void* kernel, std::size_t bytes) {
  if (bytes <= 48 * 1024) return true;
  int device = 0;
  int limit = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  check(cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "asking for the GPU's shared memory");
  if (bytes > static_cast<std::size_t>(limit)) return false;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "asking for shared memory");
  return true;
}

}  // namespace byteloom::inline v0::cuda::detail
