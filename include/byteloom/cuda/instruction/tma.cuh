// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/tma: the bulk tensor copies of Hopper and the barriers in shared memory that count their bytes, as far as
// attention needs them, over cuda::ptx.

#include <cuda.h>

#include <cstdint>
#include <cuda/ptx>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// A barrier in shared memory: a phase ends when all arrivals and all announced bytes have come.
using memory_barrier = std::uint64_t;

__device__ inline void barrier_start(memory_barrier& barrier, std::uint32_t arrivals) {
  ::cuda::ptx::mbarrier_init(&barrier, arrivals);
}

/// Makes barriers that were started visible to the copy engine.
__device__ inline void barrier_publish() {
  ::cuda::ptx::fence_mbarrier_init(::cuda::ptx::sem_release, ::cuda::ptx::scope_cluster);
}

/// Arrives and announces `bytes` that copies will bring.
__device__ inline void barrier_expect(memory_barrier& barrier, std::uint32_t bytes) {
  ::cuda::ptx::mbarrier_arrive_expect_tx(::cuda::ptx::sem_release, ::cuda::ptx::scope_cta, ::cuda::ptx::space_shared,
                                         &barrier, bytes);
}

__device__ inline void barrier_arrive(memory_barrier& barrier) { ::cuda::ptx::mbarrier_arrive(&barrier); }

/// Waits until the phase of this parity has ended.
__device__ inline void barrier_wait(memory_barrier& barrier, std::uint32_t parity) {
  while (!::cuda::ptx::mbarrier_try_wait_parity(&barrier, parity)) {
  }
}

/// Copies the box of `map` at `at` (innermost axis first) into shared memory.
__device__ inline void copy_box(void* to, const CUtensorMap& map, const std::int32_t (&at)[4],
                                memory_barrier& barrier) {
  ::cuda::ptx::cp_async_bulk_tensor(::cuda::ptx::space_cluster, ::cuda::ptx::space_global, to, &map, at, &barrier);
}

/// Copies a box from shared memory to global memory; what lies outside the tensor is left out. The shared memory may be
/// written again after this thread's stores_commit() and stores_wait().
__device__ inline void store_box(const CUtensorMap& map, const std::int32_t (&at)[4], const void* from) {
  ::cuda::ptx::cp_async_bulk_tensor(::cuda::ptx::space_global, ::cuda::ptx::space_shared, &map, at, from);
}
__device__ inline void stores_commit() { ::cuda::ptx::cp_async_bulk_commit_group(); }
__device__ inline void stores_wait() { ::cuda::ptx::cp_async_bulk_wait_group_read(::cuda::ptx::n32_t<0>{}); }

/// Makes this thread's ordinary writes of shared memory visible to copies and products.
__device__ inline void publish_to_copies() { ::cuda::ptx::fence_proxy_async(::cuda::ptx::space_shared); }

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
