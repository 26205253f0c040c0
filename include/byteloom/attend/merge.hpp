// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/merge: joins two outputs of softmax attention over different keys into that over all of them, by
// their log-sum-exp (the split-key decoding of Dao et al., Flash-Decoding; shared prefixes of Ye et al.,
// FlashInfer, arXiv 2501.01005). The operation is associative and commutative; minus infinity is its neutral
// element.

#include "byteloom/core/math.hpp"

namespace byteloom::inline v0 {

/// The weights of both outputs, and the log-sum-exp of the result.
template <class Real>
struct merge_factors {
  Real left;
  Real right;
  Real log_sum;

  /// One number of the result. A side without keys counts as 0 whatever it holds.
  BYTELOOM_HD constexpr Real operator()(Real of_left, Real of_right) const {
    return (left == Real(0) ? Real(0) : left * of_left) + (right == Real(0) ? Real(0) : right * of_right);
  }
};

/// For two rows with these log-sum-exps; both minus infinity: a row without keys again, with weights 0.
template <class Real>
BYTELOOM_HD merge_factors<Real> merge_by(Real left, Real right) {
  const Real largest = math::max(left, right);
  if (largest == -math::infinity<Real> && left == right) return {Real(0), Real(0), largest};
  const Real a = math::exp2((left - largest) * math::log2_e<Real>);
  const Real b = math::exp2((right - largest) * math::log2_e<Real>);
  const Real inverse = math::divide(Real(1), a + b);
  return {a * inverse, b * inverse, largest + math::log(a + b)};
}

}  // namespace byteloom::inline v0
