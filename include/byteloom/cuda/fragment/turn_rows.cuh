// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/turn_rows: queries turned to their positions where they lie in shared memory, between their
// way from memory and their first product. How each pair turns has been computed once for all heads
// (cuda/rotations).

#include "byteloom/core/view.hpp"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// Turns rows 0 to `rows` - 1 of `Size` dimensions in place, warp `warp` of `warps` its share. `place(row,
/// column)` is where an element lies; `rotations` are row 0's, followed by the next row's.
template <int Size, class Position, class Rotation, class Place>
__device__ void turn_rows(const Position& position, const Rotation* rotations, int rows, int warp, int warps,
                          const Place& place) {
  constexpr int pairs = Size / 2;
  constexpr int wide = pairs > 16 ? 32 : pairs > 8 ? 16 : 8;  // lanes that share a row
  constexpr int at_once = 2;                                  // rows whose loads are under way together
  using element = std::remove_reference_t<decltype(*place(0, 0))>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int step = warps * (32 / wide);
  const int first = warp * (32 / wide) + lane / wide;
  for (int pair = lane % wide; pair < pairs; pair += wide) {
    const int a = position.first_of(pair, Size);
    const int b = position.second_of(pair, Size);
    for (int row = first; row < rows; row += at_once * step) {
      Rotation turn[at_once];
      element x[at_once], y[at_once];
#pragma unroll
      for (int i = 0; i < at_once; ++i)
        if (row + i * step < rows) {
          turn[i] = rotations[(row + i * step) * pairs + pair];
          x[i] = *place(row + i * step, a);
          y[i] = *place(row + i * step, b);
        }
#pragma unroll
      for (int i = 0; i < at_once; ++i)
        if (row + i * step < rows) {
          const float first_number = static_cast<float>(x[i]);
          const float second_number = static_cast<float>(y[i]);
          *place(row + i * step, a) = static_cast<element>(turn[i].first(first_number, second_number));
          *place(row + i * step, b) = static_cast<element>(turn[i].second(first_number, second_number));
        }
    }
  }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment
