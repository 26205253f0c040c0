// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/t5_buckets: a learned bias per head and bucket of distance; near distances have a bucket each,
// far ones share buckets of growing width (Raffel et al., T5, arXiv 1910.10683). T5 itself does not scale
// scores: write score::scale{1.0f} before it.

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

enum class t5_direction {
  causal,         ///< keys after the query count as distance 0 (decoders)
  bidirectional,  ///< the second half of the buckets is for keys after the query (encoders)
};

/// The bucket of key - query. Of B buckets (one side: B of causal, half of bidirectional ones) the first half
/// are the distances 0, 1, 2, ...; the other half is logarithmic up to `max_distance`, from where all share
/// the last. `distance` is the same as a float, of either sign.
template <t5_direction Direction>
BYTELOOM_HD int t5_bucket(int key_minus_query, float distance, int buckets, int max_distance) {
  int first = 0;
  int far = -key_minus_query;
  if (Direction == t5_direction::bidirectional) {
    buckets /= 2;
    if (key_minus_query > 0) {
      first = buckets;
      far = key_minus_query;
    }
  } else if (far < 0) {
    far = 0;
  }
  const int exact = buckets / 2;
  if (far < exact) return first + far;
  // In float whatever the score's type is, so that every implementation finds the same bucket; the small
  // addend lets a distance that lies on a boundary (32 of 128) reach it in spite of rounding.
  const float share = math::log(math::abs(distance) / static_cast<float>(exact)) /
                      math::log(static_cast<float>(max_distance) / static_cast<float>(exact));
  const int beyond = static_cast<int>(share * static_cast<float>(buckets - exact) + 1e-5f);
  return first + math::min(exact + beyond, buckets - 1);
}

template <t5_direction Direction>
BYTELOOM_HD int t5_bucket(int key_minus_query, int buckets, int max_distance) {
  return t5_bucket<Direction>(key_minus_query, static_cast<float>(key_minus_query), buckets, max_distance);
}

/// Adds table(bucket, query head); the number of buckets is the table's.
template <t5_direction Direction = t5_direction::causal, memory Where = memory::host>
struct t5_buckets {
  using axis = axis::score;
  static constexpr memory where = Where;
  template <memory Other>
  using in = t5_buckets<Direction, Other>;

  view<const float, 2, Where> table;  ///< [bucket, query head]
  int max_distance;

  constexpr explicit t5_buckets(view<const float, 2, Where> biases, int last_distance = 128)
      : table(biases), max_distance(last_distance) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(table), max_distance);
  }

  void validate() const {
    const index one_side = Direction == t5_direction::bidirectional ? table.extent[0] / 2 : table.extent[0];
    if (one_side < 2 || max_distance <= one_side / 2)
      throw argument_error("score::t5_buckets: " + std::to_string(table.extent[0]) +
                           " buckets up to a distance of " + std::to_string(max_distance) +
                           "; give at least 2 buckets a side, and a distance beyond the exact half of them.");
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::t5_buckets", "query heads", table.extent[1], call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site at) const {
    return added(score, Real(1), at);
  }

  /// The score and `weight` times the bias.
  template <class Real>
  BYTELOOM_HD Real added(Real score, Real weight, site at) const {
    const int bucket = t5_bucket<Direction>(at.key - at.query, at.distance(),
                                            static_cast<int>(table.extent[0]), max_distance);
    return score + weight * static_cast<Real>(table(bucket, at.query_head));
  }
};

}  // namespace byteloom::inline v0::score
