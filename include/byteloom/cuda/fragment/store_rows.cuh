// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/store_rows: finished rows of 16-bit outputs go from registers straight to memory, 64 bytes of
// a row by the four lanes that hold it.

#include <cstdint>

#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// Four lanes hold four groups of 8 columns, a pair of each group in each lane; after this each lane holds
/// one group, that of its number.
__device__ inline void gather_groups(std::uint32_t (&pairs)[4]) {
#pragma unroll
  for (int distance = 1; distance <= 2; distance *= 2) {
    const bool upper = (threadIdx.x & static_cast<unsigned>(distance)) != 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if ((i & distance) != 0) continue;
      std::uint32_t& low = pairs[i];
      std::uint32_t& high = pairs[i + distance];
      const std::uint32_t come = __shfl_xor_sync(0xffffffffu, upper ? low : high, distance);
      (upper ? low : high) = come;
    }
  }
}

/// Writes one of a thread's two rows, `half`, to `to`, which is aligned to 16 bytes and whose dimensions are
/// neighbours; by all lanes together. value[j][2 * half + c] is that of dimension 2 * (lane % 4) + 8 * j + c.
template <class O, int Groups>
__device__ void store_row(O* to, bool exists, int half, const float (&value)[Groups][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int j = 0; j < Groups; j += 4) {
    std::uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      pairs[i] = j + i < Groups ? pack<O>(value[j + i < Groups ? j + i : 0][2 * half],
                                          value[j + i < Groups ? j + i : 0][2 * half + 1])
                                : 0u;
    gather_groups(pairs);
    if (exists && j + lane < Groups)
      *reinterpret_cast<uint4*>(to + 8 * (j + lane)) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
  }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment
