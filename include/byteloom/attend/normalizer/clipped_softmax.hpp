// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/clipped_softmax: softmax stretched to [low, high] and clipped to [0, 1], so that a head
// reaches exact zeros and ones with finite scores (Bondarenko et al., "Quantizable Transformers", arXiv
// 2306.12929). It needs the whole row before the first weight: two passes over the keys.

#include <string>

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::normalizer {

/// Weights are clip((high - low) * softmax + low, 0, 1); the paper's gamma is `low` (at most 0; usually
/// -alpha over the longest row) and its zeta `high` (at least 1). log_sum is that of the softmax.
struct clipped_softmax : softmax {
  static constexpr int passes = 2;

  float low;
  float high;

  constexpr explicit clipped_softmax(float gamma, float zeta = 1.0f) : low(gamma), high(zeta) {}

  template <class Real>
  BYTELOOM_HD Real second(const state<Real>& own, row at, Real score) const {
    const Real stretch = static_cast<Real>(high) - static_cast<Real>(low);
    const Real share = this->weight(own, score) * this->finish(own, at);
    const Real stretched = stretch * share + static_cast<Real>(low);
    return stretched <= Real(0) ? Real(0) : stretched >= Real(1) ? Real(1) : stretched;  // NaN stays NaN
  }

  void validate() const {
    if (!(low <= 0 && high >= 1) || low == -math::infinity<float> || high == math::infinity<float>)
      throw argument_error("normalizer::clipped_softmax: stretched to [" + std::to_string(low) + ", " +
                           std::to_string(high) +
                           "]; give a finite low end of at most 0 and a finite high end of at least 1.");
  }
};

}  // namespace byteloom::inline v0::normalizer
