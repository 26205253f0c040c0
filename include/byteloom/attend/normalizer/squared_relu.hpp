// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/squared_relu: each weight is max(0, score)^2, by itself (Hua et al., "Transformer Quality
// in Linear Time", arXiv 2202.10447, whose scores are divided by the number of keys: write that as
// score::scale).

#include "byteloom/attend/normalizer/pointwise.hpp"

namespace byteloom::inline v0::normalizer {

struct squared_relu : pointwise {
  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>&, Real score) const {
    return score <= Real(0) ? Real(0) : score * score;  // NaN stays NaN
  }
};

}  // namespace byteloom::inline v0::normalizer
