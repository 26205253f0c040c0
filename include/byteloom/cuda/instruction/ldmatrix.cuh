// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/ldmatrix: loads four matrices of 8 rows by 16 bytes from shared memory into the registers
// of a warp (PTX ISA, ldmatrix). Lanes 8m to 8m + 7 name the rows of matrix m by their shared addresses,
// multiples of 16; all lanes execute each function.
//
// Of matrix m a lane receives in loaded[m] two neighbouring 16-bit elements: row lane / 4, columns 2 * (lane
// % 4) + {0, 1}; transposed: rows 2 * (lane % 4) + {0, 1} of column lane / 4.

#include <cstdint>

#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

__device__ inline void load_matrices(std::uint32_t (&loaded)[4], std::uint32_t row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(loaded[0]), "=r"(loaded[1]), "=r"(loaded[2]), "=r"(loaded[3])
               : "r"(row)
               : "memory");
}

__device__ inline void load_matrices_transposed(std::uint32_t (&loaded)[4], std::uint32_t row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(loaded[0]), "=r"(loaded[1]), "=r"(loaded[2]), "=r"(loaded[3])
               : "r"(row)
               : "memory");
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
