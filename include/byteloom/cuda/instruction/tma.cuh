// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/tma: the bulk tensor copies of Hopper and the barriers in shared memory that count their
// bytes (PTX ISA, mbarrier and cp.async.bulk.tensor), as far as attention needs them. Written here rather
// than taken from <cuda/ptx>, since that header's namespace makes `cuda` ambiguous in a file that says `using
// namespace byteloom`.

#include <cuda.h>

#include <cstdint>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// A barrier in shared memory: a phase ends when all arrivals and all announced bytes have come.
using memory_barrier = std::uint64_t;

__device__ inline std::uint32_t shared_address(const void* of) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(of));
}

__device__ inline void barrier_start(memory_barrier& barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(arrivals)
               : "memory");
}

/// Makes barriers that were started visible to the copy engine.
__device__ inline void barrier_publish() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/// Arrives and announces `bytes` that copies will bring.
__device__ inline void barrier_expect(memory_barrier& barrier, std::uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
      "r"(bytes)
      : "memory");
}

__device__ inline void barrier_arrive(memory_barrier& barrier) {
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier))
               : "memory");
}

/// Whether the phase of this parity has ended, after a wait of a length that the hardware chooses.
__device__ inline bool barrier_try_wait(memory_barrier& barrier, std::uint32_t parity) {
  std::uint32_t ended;
  asm volatile(
      "{\n.reg .pred p;\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p;\n}\n"
      : "=r"(ended)
      : "r"(shared_address(&barrier)), "r"(parity)
      : "memory");
  return ended != 0;
}

/// Waits until the phase of this parity has ended.
__device__ inline void barrier_wait(memory_barrier& barrier, std::uint32_t parity) {
  while (!barrier_try_wait(barrier, parity)) {
  }
}

/// Copies the box of `map` at `at` (innermost axis first) into shared memory; its bytes arrive at the
/// barrier.
__device__ inline void copy_box(void* to, const CUtensorMap& map, const std::int32_t (&at)[4],
                                memory_barrier& barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, "
      "%4, %5}], "
      "[%6];" ::"r"(shared_address(to)),
      "l"(&map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(shared_address(&barrier))
      : "memory");
}

/// Copies a box from shared memory to global memory; what lies outside the tensor is left out. The shared
/// memory may be written again after this thread's stores_commit() and stores_wait().
__device__ inline void store_box(const CUtensorMap& map, const std::int32_t (&at)[4], const void* from) {
  asm volatile(
      "cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%0, {%1, %2, %3, %4}], [%5];" ::"l"(&map),
      "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(shared_address(from))
      : "memory");
}
__device__ inline void stores_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
__device__ inline void stores_wait() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }

/// Makes this thread's ordinary writes of shared memory visible to copies and products.
__device__ inline void publish_to_copies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
