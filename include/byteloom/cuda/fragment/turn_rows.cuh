// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/turn_rows: queries turned to their positions where they lie in shared memory, between their
// way from memory and their first product. How each pair turns has been computed once for all heads
// (cuda/rotations).

#include <cstdint>
#include <type_traits>

#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// Turns rows 0 to `rows` - 1 of `Size` dimensions in place, warp `warp` of `warps` its share. `place(row,
/// column)` is where an element lies; that of a row 8 * i further, i < AtOnce, lies `further(i)` elements
/// behind it. `rotations` are row 0's, followed by the next row's; `AtOnce` of them (a multiple of 4) are
/// under way together, which is what the time depends on: they come from the L2 cache.
template <int Size, int AtOnce, class Position, class Rotation, class Place, class Further>
__device__ void turn_rows(const Position& position, const Rotation* rotations, int rows, int warp, int warps,
                          const Place& place, const Further& further) {
  constexpr int pairs = Size / 2;
  constexpr int wide = pairs > 16 ? 32 : pairs > 8 ? 16 : 8;  // lanes that share a row
  constexpr int across = (pairs + wide - 1) / wide;
  constexpr int shares = across * 8 / (32 / wide);  // rows that are alike modulo 8, and a run of pairs
  using element = std::remove_reference_t<decltype(*place(0, 0))>;
  const auto turn_in_place = [](const Rotation& by, element& x, element& y, element old_x, element old_y) {
    const float of_x = static_cast<float>(old_x);
    const float of_y = static_cast<float>(old_y);
    const std::uint32_t both = pack<element>(by.turn.first(of_x, of_y), by.turn.second(of_x, of_y));
    x = element::from_bits(static_cast<std::uint16_t>(both));
    y = element::from_bits(static_cast<std::uint16_t>(both >> 16));
  };
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
  for (int share = warp; share < shares; share += warps) {
    const int pair = share % across * wide + lane % wide;
    const int first = share / across * (32 / wide) + lane / wide;
    if (pair >= pairs) continue;
    const int a = position.first_of(pair, Size);
    const int b = position.second_of(pair, Size);
#pragma unroll 1
    for (int row = first; row < rows; row += 8 * AtOnce) {
      element* const x = place(row, a);
      element* const y = place(row, b);
      const Rotation* const from = rotations + row * pairs + pair;
      if (row + 8 * (AtOnce - 1) < rows) {
        Rotation turn[AtOnce];
#pragma unroll
        for (int i = 0; i < AtOnce; ++i) turn[i] = from[8 * i * pairs];
#pragma unroll
        for (int begin = 0; begin < AtOnce; begin += 4) {
          element old_x[4], old_y[4];  // read before one is written: none waits for another
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            old_x[i] = x[further(begin + i)];
            old_y[i] = y[further(begin + i)];
          }
#pragma unroll
          for (int i = 0; i < 4; ++i)
            turn_in_place(turn[begin + i], x[further(begin + i)], y[further(begin + i)], old_x[i], old_y[i]);
        }
      } else {
#pragma unroll 1
        for (int i = 0; i < AtOnce && row + 8 * i < rows; ++i)
          turn_in_place(from[8 * i * pairs], x[further(i)], y[further(i)], x[further(i)], y[further(i)]);
      }
    }
  }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment
