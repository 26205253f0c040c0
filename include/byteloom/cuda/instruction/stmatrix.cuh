// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/stmatrix: registers to shared memory in the layout of matrix products (PTX ISA, stmatrix;
// from sm_90 on).

#include <cstdint>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// Writes four 8x8 matrices of 16-bit elements: lane l holds in each register the elements 2 * (l % 4) + {0,
/// 1} of row l / 4 of a matrix, and names in `row` the shared address of row l % 8 of matrix l / 8 (16 bytes,
/// aligned).
__device__ inline void store_matrices(std::uint32_t row, std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                      std::uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row), "r"(a), "r"(b),
               "r"(c), "r"(d)
               : "memory");
}

/// Two of them; what lanes 16 to 31 name is not read.
__device__ inline void store_matrices(std::uint32_t row, std::uint32_t a, std::uint32_t b) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(row), "r"(a), "r"(b)
               : "memory");
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
