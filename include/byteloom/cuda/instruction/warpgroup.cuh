// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/warpgroup: what the warps of a Hopper block say to each other: named barriers, and who has
// how many registers.

#include <cstdint>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// Waits at barrier `id` (1 to 15; 0 is __syncthreads) until `threads` threads have come or arrived.
__device__ inline void barrier_sync(int id, int threads) {
  asm volatile("barrier.cta.sync.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// Counts at barrier `id` without waiting.
__device__ inline void barrier_arrive(int id, int threads) {
  asm volatile("barrier.cta.arrive.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// The warpgroup takes as many registers a thread as `Count` (a multiple of 8, 24 to 256) from what others
/// gave back. All of its warps execute this; sm_90a alone.
template <int Count>
__device__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

/// The warpgroup keeps `Count` registers a thread and gives back the rest.
template <int Count>
__device__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}

/// True in one lane of a converged warp.
__device__ inline bool elect() {
  std::uint32_t elected;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}\n" : "=r"(elected));
  return elected != 0;
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
