// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/mma: the matrix product of a warp (PTX ISA, mma.sync.m16n8k16; Ampere and newer). With r =
// lane / 4 and c = 2 * (lane % 4), a lane holds
//   of a (16 x 16): a[0] = row r, columns c + {0, 1}; a[1] = row r + 8; a[2] and a[3] = the same rows,
//   columns 8 to the right; of b (16 x 8): b0 = rows c + {0, 1} of column r; b1 = the rows 8 below; of d (16
//   x 8): d[0..1] = row r, columns c + {0, 1}; d[2..3] = row r + 8.

#include <cstdint>
#include <type_traits>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// d += a b, in float, of elements T (bf16 or f16).
template <class T>
__device__ void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  if constexpr (std::is_same_v<T, bf16>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
