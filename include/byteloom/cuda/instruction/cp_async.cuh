// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/cp_async: copies from global to shared memory that run beside the thread that asked (PTX
// ISA, cp.async; Ampere and newer). A thread sees its own copies after copies_wait(), and those of others
// after a barrier that follows theirs.

#include <cstdint>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// Copies 16 bytes from `from` to the shared address `to`, both multiples of 16; where not `exists`, nothing
/// is read and zeros are written.
__device__ inline void copy_piece(std::uint32_t to, const void* from, bool exists) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to),
               "l"(__cvta_generic_to_global(from)), "r"(exists ? 16 : 0)
               : "memory");
}

/// Closes a group of copies.
__device__ inline void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `Pending` of this thread's groups are unfinished.
template <int Pending>
__device__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
