// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/memory_pool: where device memory comes from. The driver's own pool gives memory back whenever the host
// waits for the GPU, and taking it anew costs more than many a kernel runs; the library's keeps it.

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>
#include <map>
#include <mutex>

#include "byteloom/cuda/check.cuh"

namespace byteloom::inline v0::cuda {

namespace detail {

/// The pool of the current GPU, made at its first use; it lives as long as the process.
inline cudaMemPool_t memory_pool() {
  static std::mutex making;
  static std::map<int, cudaMemPool_t> made;
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  const std::lock_guard<std::mutex> alone(making);
  const auto found = made.find(device);
  if (found != made.end()) return found->second;
  cudaMemPoolProps wanted{};
  wanted.allocType = cudaMemAllocationTypePinned;
  wanted.location.type = cudaMemLocationTypeDevice;
  wanted.location.id = device;
  cudaMemPool_t pool = nullptr;
  check(cudaMemPoolCreate(&pool, &wanted), "making a memory pool");
  std::uint64_t kept = std::numeric_limits<std::uint64_t>::max();
  const cudaError_t code = cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept);
  if (code != cudaSuccess) {
    cudaMemPoolDestroy(pool);
    raise(code, "setting up a memory pool");
  }
  made.emplace(device, pool);
  return pool;
}

}  // namespace detail

/// Gives memory of the current GPU that no buffer holds any more back to the driver, for others to take: what
/// has been freed in the order of a stream counts when the host has waited for that stream.
inline void release_memory() {
  detail::check(cudaMemPoolTrimTo(detail::memory_pool(), 0), "giving memory back");
}

}  // namespace byteloom::inline v0::cuda
