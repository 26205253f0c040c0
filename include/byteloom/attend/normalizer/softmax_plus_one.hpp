// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/softmax_plus_one: exp(s_i) / (1 + sum of exp(s_j)), so that a row may attend to nothing
// (Miller, "Attention is off by one"; MrT5, arXiv 2410.20771).

#include "byteloom/attend/normalizer/softmax.hpp"

namespace byteloom::inline v0::normalizer {

/// log_sum counts the one. So states of parts of a row merge, and their log-sums do not: each has a one of
/// its own.
struct softmax_plus_one : softmax {
  template <class Real>
  BYTELOOM_HD Real finish(const state<Real>& own, row) const {
    return finish_with(own, Real(0));
  }

  template <class Real>
  BYTELOOM_HD Real log_sum(const state<Real>& own, row) const {
    return log_sum_with(own, Real(0));
  }
};

}  // namespace byteloom::inline v0::normalizer
