// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/score_rows: from a tile of dot products in registers to weights: scores, masks and the
// normalizer of a composition, the same code behind every tensor-core main loop. The accumulators of
// mma.m16n8 and of wgmma lie alike: a thread holds two rows, 8 apart, and of each group of 8 columns two
// neighbours of either row (value[j][2 * row + column]); 4 neighbouring lanes hold the rest of these rows.

#include <cstdint>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/folding.hpp"
#include "byteloom/core/bf16.hpp"
#include "byteloom/core/bits.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/warp.cuh"

// A hook that forgot BYTELOOM_HD is an error here too: kernels call them through the composition.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::fragment {

BYTELOOM_KERNELS_BEGIN

/// How many keys the masks keep for the two rows, where a second pass asks for it.
template <bool Asked>
struct kept_keys {};
template <>
struct kept_keys<true> {
  int count[2];
};

/// The keys that the masks keep for the two rows, where they would read memory to tell it again.
template <bool Asked>
struct reached_keys {};
template <>
struct reached_keys<true> {
  mask::interval reached[2];
};

/// The two rows of a query tile that a thread holds, and what its normalizer knows of them.
///
/// A normalizer that passes twice: start(); for each tile score() and gather(); between_passes(); for each
/// tile score() and second(); finish(), whose factors are then 1.
template <class Spec>
struct score_rows : kept_keys<Spec::passes == 2 && Spec::needs_count>,
                    reached_keys<Spec::reaches && Spec::masks_look_up> {
  using normalizer_type = typename Spec::normalizer_type;
  using state_type = typename normalizer_type::template state<float>;
  static constexpr bool rescales = byteloom::detail::rescales<normalizer_type>;
  using folding_type = byteloom::detail::score_folding<Spec>;
  /// Whether scores come in multiples of a unit that is part of the normalizer's exponent.
  static constexpr bool by_unit = byteloom::detail::folds_unit<normalizer_type> && !Spec::has_row_scale &&
                                  folding_type::kind != byteloom::detail::folding::none;
  /// Whether dot products then stay as they are.
  static constexpr bool folded = by_unit && folding_type::kind == byteloom::detail::folding::scale;
  static constexpr bool keeps_count = Spec::passes == 2 && Spec::needs_count;
  static constexpr bool keeps_reach = Spec::reaches && Spec::masks_look_up;

  site at;          ///< of the head; query and key are set for each score
  int query[2];     ///< positions of the rows; past the last one: the last
  float unit;       ///< scores are multiples of it where `by_unit`
  float factor[2];  ///< the normalizer's scale of a row, where it has one
  state_type state[2];

  /// Before a row's first tile. `first` is the position of the upper row, `last` that of the call's last
  /// query.
  __device__ void start(const Spec& spec, site head, int first, int last) {
    at = head;
    query[0] = math::max(math::min(first, last), 0);
    query[1] = math::max(math::min(first + 8, last), 0);
    unit = 1.0f;
    if constexpr (by_unit) unit = folding_type(spec).unit();
    state[0] = state_type{};
    state[1] = state_type{};
    factor[0] = factor[1] = 1.0f;
    if constexpr (keeps_reach) {
#pragma unroll
      for (int which = 0; which < 2; ++which) this->reached[which] = spec.reach(row_at(which));
    }
    if constexpr (keeps_count) {
#pragma unroll
      for (int which = 0; which < 2; ++which) {
        this->count[which] = keys_kept(spec, which);
        factor[which] = spec.template row_scale<float>(row_at(which), this->count[which]);
      }
    } else if constexpr (Spec::has_row_scale) {
#pragma unroll
      for (int which = 0; which < 2; ++which)
        factor[which] = spec.template row_scale<float>(row_at(which), keys_kept(spec, which));
    }
  }

  /// start() for rows that stand anywhere: `upper` and `lower` are their positions. count(row) tells how many
  /// keys the masks keep for a row.
  template <class Count>
  __device__ void start_at(const Spec& spec, site head, int upper, int lower, const Count& count) {
    at = head;
    query[0] = upper;
    query[1] = lower;
    unit = 1.0f;
    if constexpr (by_unit) unit = folding_type(spec).unit();
    state[0] = state_type{};
    state[1] = state_type{};
    factor[0] = factor[1] = 1.0f;
    if constexpr (Spec::has_row_scale) {
#pragma unroll
      for (int which = 0; which < 2; ++which)
        factor[which] = spec.template row_scale<float>(row_at(which), count(row_at(which)));
    }
  }

  /// score() for the keys of a group: that of value[j][2 * row + c] has the slot `first_slot` + 8 * j + c and
  /// stands at key_at(8 * j + c). Those of slots from `keys` on do not exist. The rows' slots are
  /// `query_slot`. `Rows` is 1 where the lower row does not exist.
  template <int Rows, int Groups, class KeyAt>
  __device__ void score_at(const Spec& spec, float (&value)[Groups][4], const KeyAt& key_at, int group,
                           const int (&query_slot)[2], int first_slot, int keys) {
    if constexpr (folded && !folding_type::unit_is_positive) {
      if (!(unit > 0)) {  // as in score()
#pragma unroll
        for (int j = 0; j < Groups; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) value[j][i] *= unit;
      }
    }
#pragma unroll
    for (int j = 0; j < Groups; ++j)
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const bool exists = 8 * j + c < keys - first_slot;
        const int slot =
            exists ? first_slot + 8 * j + c : 0;  // hooks may read tables by it, and by the position
        site here = at;
        here.key = math::max(key_at(8 * j + c), 0);
#pragma unroll
        for (int row = 0; row < Rows; ++row) {
          here.query = query[row];
          float& x = value[j][2 * row + c];
          if constexpr (!folded) x = score_of(spec, x, here, {group, query_slot[row], slot});
          if constexpr (Spec::has_row_scale)  // a key that a score policy hides stays hidden
            x = x == -math::infinity<float> ? x : x * factor[row];
          x = exists && spec.keep(here) ? x : -math::infinity<float>;
        }
      }
  }

  /// Scores of one tile from its dot products: key of value[j][2 * row + c] = first_key + 8 * j + c. Where
  /// `partial`, each site is tested; sites past the last key are dropped.
  template <int Groups>
  __device__ void score(const Spec& spec, float (&value)[Groups][4], int first_key, bool partial) {
    if constexpr (folded && !folding_type::unit_is_positive) {
      if (!(unit > 0)) {  // an exponent's scale must not turn the order of scores: multiply here
        const float own = unit;
#pragma unroll
        for (int j = 0; j < Groups; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) value[j][i] *= own;
        // `unit` itself stays; weigh() sees through exponent_unit() that the values are true scores.
      }
    }
    if (partial) {
      each_site<true>(spec, value, first_key);
    } else if constexpr (!folded) {
      each_site<false>(spec, value, first_key);
    }
  }

  /// Whether the normalizer takes scores in multiples of a unit, which leaves one fused multiply-add and one
  /// exp2 a score.
  static constexpr bool takes_unit = byteloom::detail::folds_unit<normalizer_type>;

  /// Weights from scores, in place; `rescale` gets the factors of what was gathered before. `ByUnit`: scores
  /// that are no multiples of `unit` are given to the normalizer as multiples of 1. `Rows` as in score_at.
  template <bool ByUnit = takes_unit, int Rows = 2, int Groups>
  __device__ void weigh(const Spec& spec, float (&value)[Groups][4], float (&rescale)[2]) {
    const auto normalizer = spec.normalizer();
#pragma unroll
    for (int row = 0; row < Rows; ++row) {
      rescale[row] = 1.0f;
      if constexpr (rescales) {
        // Several chains of comparisons and of sums, so that none waits for the one before.
        constexpr int chains = Groups % 2 == 0 ? 4 : 2;
        float largest[chains];
#pragma unroll
        for (int i = 0; i < 2 * Groups; ++i) {
          const float x = value[i / 2][2 * row + i % 2];
          largest[i % chains] = i < chains ? x : fmaxf(largest[i % chains], x);
        }
        float all = fmaxf(largest[0], largest[1]);
        if constexpr (chains == 4) all = fmaxf(all, fmaxf(largest[2], largest[3]));
        all = fmaxf(all, __shfl_xor_sync(0xffffffffu, all, 1));
        all = fmaxf(all, __shfl_xor_sync(0xffffffffu, all, 2));
        if constexpr (ByUnit) {
          rescale[row] = normalizer.raise(state[row], all, exponent_unit());
        } else {
          rescale[row] = normalizer.raise(state[row], all);
        }
      }
      // Behind masks the loop is scheduled best with four sums, else with two (as measured on Hopper).
      constexpr int sums = Spec::is_masked ? 4 : 2;
      float sum[sums] = {};
#pragma unroll
      for (int j = 0; j < Groups; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float& x = value[j][2 * row + c];
          if constexpr (ByUnit) {
            x = normalizer.weight(state[row], x, exponent_unit());
          } else {
            x = normalizer.weight(state[row], x);
          }
          sum[(2 * j + c) % sums] += x;
        }
      if constexpr (sums == 4) {
        normalizer.add(state[row], (sum[0] + sum[1]) + (sum[2] + sum[3]));
      } else {
        normalizer.add(state[row], sum[0] + sum[1]);
      }
    }
  }

  /// weigh() of a first pass, whose weights nobody needs: the states gather.
  template <int Groups>
  __device__ void gather(const Spec& spec, float (&value)[Groups][4]) {
    float rescale[2];
    weigh(spec, value, rescale);
  }

  /// Between two passes: joins what the 4 lanes know.
  __device__ void between_passes(const Spec& spec) {
#pragma unroll
    for (int row = 0; row < 2; ++row) settle_row(spec, row);
  }

  /// Final weights of one tile in a second pass, in place, from what score() made of it; first_key as there.
  template <int Groups>
  __device__ void second(const Spec& spec, float (&value)[Groups][4], int first_key) const {
#pragma unroll
    for (int j = 0; j < Groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        site here = at;
        here.query = query[i / 2];
        here.key = math::min(first_key + 8 * j + i % 2, at.keys - 1);  // hooks may read tables by it
        int count = 0;
        if constexpr (keeps_count) count = this->count[i / 2];
        float& x = value[j][i];
        if constexpr (by_unit) x *= exponent_unit();
        x = spec.second(state[i / 2], here, count, x);
      }
  }

  /// After a row's last tile: joins what the 4 lanes know, tells the observers, and gives the factors of the
  /// output. `row_of_call` is the upper row's number in the call; rows past the last are not told of.
  __device__ void finish(const Spec& spec, int row_of_call, float (&result)[2]) {
    const auto normalizer = spec.normalizer();
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      if constexpr (Spec::passes == 1) {
        settle_row(spec, row);
        result[row] = normalizer.finish(state[row], row_at(row));
      } else {
        result[row] = 1.0f;
      }
      if constexpr (Spec::is_observed)
        if (threadIdx.x % 4 == 0 && row_of_call + 8 * row < at.queries)
          spec.observe(row_of_call + 8 * row, row_at(row), state[row]);
    }
  }

  /// finish() for rows that stand anywhere; rows whose number in the call is negative are not told of.
  __device__ void finish_at(const Spec& spec, const int (&row_of_call)[2], float (&result)[2]) {
    const auto normalizer = spec.normalizer();
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      settle_row(spec, row);
      result[row] = normalizer.finish(state[row], row_at(row));
      if constexpr (Spec::is_observed)
        if (threadIdx.x % 4 == 0 && row_of_call[row] >= 0)
          spec.observe(row_of_call[row], row_at(row), state[row]);
    }
  }

  /// Keeps what follows behind the weights: the compiler would wait for a running product first and weigh
  /// after it. `none` is 0, which it cannot know, so that the branch is never taken; instructions are not
  /// moved across it.
  __device__ void stay(std::uint32_t none) const requires(!std::is_empty_v<state_type>) {
    struct words {
      std::uint32_t word[sizeof(state_type) / 4];
    };
    std::uint32_t any = 0;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const words all = bit_cast<words>(state[row]);
      for (const auto word : all.word) any |= word;
    }
    if ((any & none) != 0) asm volatile("brkpt;");
  }

  /// What the normalizer is told that scores are multiples of.
  __device__ float exponent_unit() const {
    if constexpr (!by_unit) return 1.0f;
    if constexpr (folding_type::unit_is_positive) return unit;
    return unit > 0 ? unit : 1.0f;
  }

  __device__ byteloom::row row_at(int which) const {
    return {at.batch, at.query_head, at.key_head, query[which], at.queries, at.keys};
  }

 private:
  /// Joins what the 4 lanes that share a row know; its maximum becomes a true score.
  __device__ void settle_row(const Spec& spec, int row) {
    const auto normalizer = spec.normalizer();
    if constexpr (!std::is_empty_v<state_type>) {
#pragma unroll
      for (int distance = 1; distance <= 2; distance *= 2) {
        const state_type other = cuda::detail::shuffle_xor(state[row], distance);
        normalizer.merge(state[row], other);
      }
    }
    if constexpr (by_unit) normalizer.settle(state[row], exponent_unit());
  }

  /// How many keys the masks keep for a row: asked of them, or counted by the 4 lanes that share it.
  __device__ int keys_kept(const Spec& spec, int which) const {
    int count = spec.count(row_at(which));
    if (count >= 0) return count;
    count = 0;
    site here = at;
    here.query = query[which];
    for (here.key = static_cast<int>(threadIdx.x) % 4; here.key < at.keys; here.key += 4)
      count += spec.keep(here) ? 1 : 0;
    count += __shfl_xor_sync(0xffffffffu, count, 1);
    return count + __shfl_xor_sync(0xffffffffu, count, 2);
  }

  __device__ mask::interval reach_of(const Spec& spec, int which) const {
    if constexpr (keeps_reach) {
      return this->reached[which];
    } else {
      return spec.reach(row_at(which));
    }
  }

  /// A score, in multiples of `unit` where `by_unit`.
  __device__ static float score_of(const Spec& spec, float dot, const site& here,
                                   [[maybe_unused]] group_site in_group) {
    if constexpr (by_unit) {
      return folding_type(spec).score(dot, here);
    } else {
      return spec.score(dot, here, in_group);
    }
  }

  template <bool Masked, int Groups>
  __device__ void each_site(const Spec& spec, float (&value)[Groups][4], int first_key) {
    float from_first[2], from_last[2];  // distances of the tile's first key and of the sequence's last
    if constexpr (!folded) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        site own = at;
        own.query = query[row];
        own.key = first_key;
        from_first[row] = own.distance();
        own.key = at.keys - 1;
        from_last[row] = own.distance();
      }
    }
    constexpr bool by_interval = Masked && Spec::reaches;
    mask::interval kept_of[2];  // counted from first_key
    if constexpr (by_interval) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        const mask::interval own = reach_of(spec, row) & mask::interval{0, at.keys};
        kept_of[row] = {own.first - first_key, own.last - first_key};
      }
    }
#pragma unroll
    for (int j = 0; j < Groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = 8 * j + i % 2;
        site here = at;
        here.query = query[i / 2];
        here.key = first_key + column;
        bool kept = true;
        if constexpr (Masked) {
          kept = here.key < at.keys;
          here.key = math::min(here.key, at.keys - 1);  // hooks may read tables by it
          if constexpr (by_interval) {
            kept = column >= kept_of[i / 2].first && column < kept_of[i / 2].last;
          } else {
            kept = spec.keep(here) && kept;
          }
        }
        float& x = value[j][i];
        if constexpr (!folded) {
          here.known_distance = from_first[i / 2] - static_cast<float>(column);
          if constexpr (Masked) here.known_distance = fmaxf(here.known_distance, from_last[i / 2]);
          here.distance_query = here.query;
          here.distance_key = here.key;
          here.knows_distance = true;
          x = score_of(spec, x, here, {});
        }
        if constexpr (Spec::has_row_scale)  // a key that a score policy hides stays hidden
          x = x == -math::infinity<float> ? x : x * factor[i / 2];
        if constexpr (Masked) x = kept ? x : -math::infinity<float>;
      }
  }
};

/// Multiplies what a thread holds of its two rows by a factor each.
template <int Groups>
__device__ void scale_rows(float (&value)[Groups][4], const float (&factor)[2]) {
#pragma unroll
  for (int j = 0; j < Groups; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) value[j][i] *= factor[i / 2];
}

/// Two neighbouring weights as one register of 16-bit elements, the first in the lower half.
template <class T>
__device__ std::uint32_t pack(float first, float second) {
  std::uint32_t both;
  if constexpr (std::is_same_v<T, bf16>) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  }
  return both;
}

/// The accumulators of a tile as the left operands of the next product: operand k has the columns 16k to 16k
/// + 15.
template <class T, int Groups>
__device__ void pack(const float (&value)[Groups][4], std::uint32_t (&operand)[Groups / 2][4]) {
#pragma unroll
  for (int k = 0; k < Groups / 2; ++k)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&from)[4] = value[2 * k + i / 2];
      operand[k][i] = pack<T>(from[i % 2 * 2], from[i % 2 * 2 + 1]);
    }
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::fragment

#pragma nv_diagnostic pop
