// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/alibi: a penalty that grows linearly with distance, with a slope of its own per head (Press et
// al., "Train Short, Test Long", arXiv 2108.12409; both ways, MosaicBERT, arXiv 2312.17482).
//
// Of H heads, a power of two, head h = 1..H has the slope 2^(-8h/H). For another H the first P heads, P the
// power of two below, have the slopes of P heads, and the rest have those of 2P heads at h = 1, 3, 5, ...

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::score {

/// How a penalty counts distance.
enum class distance {
  causal,     ///< query - key: keys before the query are penalised (those after it would gain)
  symmetric,  ///< |query - key|
};

/// The slope of query head `head` (from 0) of `heads`.
template <class Real>
BYTELOOM_HD Real alibi_slope(int head, int heads) {
  int below = heads;  // without a loop, so that a kernel's loop over keys does not hold one
  below |= below >> 1;
  below |= below >> 2;
  below |= below >> 4;
  below |= below >> 8;
  below |= below >> 16;
  const int power = below - (below >> 1);
  const bool plain = head < power;
  const int step = plain ? head + 1 : 2 * (head - power) + 1;
  const int of = plain ? power : 2 * power;
  return math::exp2(math::divide(static_cast<Real>(-8 * step), static_cast<Real>(of)));
}

namespace detail {
BYTELOOM_EXTENT(query_heads)
}

/// Adds -slope * distance. The number of query heads is in the type, `alibi<12>`, or carried:
/// `alibi<>{{12}}`.
template <int Heads = dynamic, distance Distance = distance::causal>
struct alibi : detail::query_heads_extent<Heads> {
  using axis = axis::score;

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site at) const {
    return added(score, Real(1), at);
  }

  /// The score and `weight` times the penalty.
  template <class Real>
  BYTELOOM_HD Real added(Real score, Real weight, site at) const {
    float far = at.distance();
    if constexpr (Distance == distance::symmetric) far = math::abs(far);
    return score - alibi_slope<Real>(at.query_head, this->query_heads) * weight * static_cast<Real>(far);
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::alibi", "query heads", this->query_heads, call.query_heads);
  }
};

}  // namespace byteloom::inline v0::score
