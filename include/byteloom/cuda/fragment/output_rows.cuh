// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/output_rows: what becomes of finished rows of the output in registers, before they are
// rounded: the factors of maps that share a value, and a composition's output policies, the same code behind
// every tensor-core main loop. Rows lie as fragment/score_rows says.

#include "byteloom/attend/attention.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/warp.cuh"

// A hook that forgot BYTELOOM_HD is an error here too: kernels call them through the composition.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::fragment {

/// What a walk over tiles of keys (fragment/key_tiles) asks where maps share it: a tile that one of them
/// visits is visited, and its sites are tested unless all maps keep all of it. The tile's query_head is the
/// head of the output. Stands for the composition: key_tiles<visits_of_maps<Spec>, Keys>,
/// next(visits_of_maps<Spec>{spec}, ...).
template <class Spec>
struct visits_of_maps {
  static constexpr bool is_masked = Spec::is_masked;
  static constexpr bool rises = false;  // the maps' intervals may lie apart
  const Spec& spec;

  BYTELOOM_HD coverage cover(tile over) const {
    const int head = over.query_head * Spec::map_count;
    coverage least = coverage::full;
    coverage most = coverage::none;
    BYTELOOM_UNROLL
    for (int map = 0; map < Spec::map_count; ++map) {
      over.query_head = head + map;
      const coverage own = spec.cover(over);
      least = own < least ? own : least;
      most = most < own ? own : most;
    }
    if (most == coverage::none) return coverage::none;
    return least == coverage::full ? coverage::full : coverage::partial;
  }
};

/// The row of the output's head `head`, which is what output policies and factors of maps see, from that of a
/// query head. `group`: query heads per key head.
template <class Spec>
BYTELOOM_HD constexpr byteloom::row row_of_output(byteloom::row at, int head, int group) {
  at.query_head = head;
  at.key_head = head / group;
  return at;
}

BYTELOOM_KERNELS_BEGIN

/// Calls the output policies on the two rows of a thread, by all 32 lanes of a warp together. `at`: the rows
/// of the head of the output; `row_of_call` is the upper one's number in the call of `queries`; rows past the
/// last are changed as the last would be, and nobody may store them. value[j][2 * row + c] is that of
/// dimension `column` + 8 * j + c, with column = 2 * (lane % 4).
///
/// `scratch[j * stride]` for each of the groups is shared memory of this thread alone, all in all as much as
/// the rows take in 16 bits: hooks go over it in a loop, as registers that are indexed in one would have to
/// be unrolled, with all that the hooks load for all numbers of a row at once.
template <class Spec, int Groups>
__device__ void change_outputs(const Spec& spec, const byteloom::row (&at)[2], int row_of_call, int queries,
                               int column, float2* scratch, int stride, float (&value)[Groups][4]) {
  if constexpr (Spec::has_output_policy) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
#pragma unroll
      for (int j = 0; j < Groups; ++j)
        scratch[j * stride] = make_float2(value[j][2 * row], value[j][2 * row + 1]);
      // hooks may read tables by it
      const int own = math::max(math::min(row_of_call + 8 * row, queries - 1), 0);
      spec.template output<float>(
          own, at[row],
          [&](const auto& f) {
#pragma unroll 1
            for (int j = 0; j < Groups; ++j) {
              float2 both = scratch[j * stride];
              f(both.x, column + 8 * j);
              f(both.y, column + 8 * j + 1);
              scratch[j * stride] = both;
            }
          },
          [](const auto& policy, auto& gathered) {
#pragma unroll
            for (int distance = 1; distance <= 2; distance *= 2)
              policy.merge(gathered, cuda::detail::shuffle_xor(gathered, distance));
          });
#pragma unroll
      for (int j = 0; j < Groups; ++j) {
        const float2 both = scratch[j * stride];
        value[j][2 * row] = both.x;
        value[j][2 * row + 1] = both.y;
      }
    }
  }
}

/// Multiplies the factors of a finished map's two rows by what the maps policy counts it with. `at` as above.
template <class Spec>
__device__ void weigh_map(const Spec& spec, int map, const byteloom::row (&at)[2], float (&factor)[2]) {
  if constexpr (Spec::map_count > 1) {
#pragma unroll
    for (int row = 0; row < 2; ++row) factor[row] *= spec.template map_factor<float>(map, at[row]);
  }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment

#pragma nv_diagnostic pop
