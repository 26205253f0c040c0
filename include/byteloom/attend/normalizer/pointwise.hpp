// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/pointwise: the base of normalizers whose weights need nothing of their row but the score
// itself: nothing is gathered, rescaled or divided.

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"

namespace byteloom::inline v0::normalizer {

/// To be derived from; the derived policy adds weight(state, score). There is no log_sum.
struct pointwise {
  using axis = axis::normalizer;
  static constexpr int passes = 1;
  static constexpr bool rescales = false;

  template <class Real>
  struct state {};

  template <class Real>
  BYTELOOM_HD Real raise(state<Real>&, Real) const {
    return Real(1);
  }
  template <class Real>
  BYTELOOM_HD void add(state<Real>&, Real) const {}
  template <class Real>
  BYTELOOM_HD factors<Real> merge(state<Real>&, const state<Real>&) const {
    return {Real(1), Real(1)};
  }
  template <class Real>
  BYTELOOM_HD Real finish(const state<Real>&, row) const {
    return Real(1);
  }
};

}  // namespace byteloom::inline v0::normalizer
