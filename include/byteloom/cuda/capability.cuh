// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/capability: the compute capability of the current GPU.

#include <cuda_runtime.h>

#include <atomic>

#include "byteloom/cuda/check.cuh"

namespace byteloom::inline v0::cuda::detail {

/// Its major number: 8 from Ampere on, 9 on Hopper. The driver is asked once a device, since launches ask
/// too.
inline int capability_major() {
  constexpr int devices = 64;
  static std::atomic<int> known[devices];  // 0: not asked for yet
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  int major = device < devices ? known[device].load(std::memory_order_relaxed) : 0;
  if (major != 0) return major;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "asking for the GPU's capability");
  if (device < devices) known[device].store(major, std::memory_order_relaxed);
  return major;
}

}  // namespace byteloom::inline v0::cuda::detail
