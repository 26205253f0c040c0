// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/shaped: attention centred at the identity (Noci et al., "The Shaped Transformer", arXiv
// 2306.17759): A = I + softmax(Y / tau) - 1/m, so that a row's weights sum to 1 and, of equal scores, the
// query's own value comes out unchanged. It passes over the keys twice.

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::normalizer {

/// The query's own key is the one at its position; m is the number of keys that the masks keep for the row
/// (all of them in the paper; a causal row's own past otherwise, which is not the paper's). The temperature
/// is a score policy: score::temperature{tau}. A key that a score policy hides gets weight 0 and counts in m.
struct shaped : softmax {
  static constexpr int passes = 2;
  static constexpr bool at_most_one = false;

  template <class Real>
  BYTELOOM_HD Real second(const state<Real>& own, site at, int count, Real score) const {
    if (score == -math::infinity<Real>) return Real(0);
    const Real share = this->weight(own, score) * this->finish(own, row{});
    const Real identity = at.key == at.query ? Real(1) : Real(0);
    return share + identity - math::divide(Real(1), static_cast<Real>(count));
  }
};

}  // namespace byteloom::inline v0::normalizer
