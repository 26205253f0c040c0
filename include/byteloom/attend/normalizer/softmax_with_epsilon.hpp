// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/softmax_with_epsilon: exp(s_i - m) / (sum of exp(s_j - m) + epsilon), m the row's largest
// score, as FasterTransformer and ByteTransformer (Zhai et al., arXiv 2210.03052) divide.

#include <cmath>
#include <string>

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::normalizer {

/// log_sum counts the epsilon. So states of parts of a row merge, and their log-sums do not: each has an
/// epsilon of its own.
struct softmax_with_epsilon : softmax {
  float epsilon;

  constexpr explicit softmax_with_epsilon(float of_sums = 1e-6f) : epsilon(of_sums) {}

  template <class Real>
  BYTELOOM_HD Real finish(const state<Real>& own, row) const {
    return own.sum == Real(0) ? Real(0) : math::divide(Real(1), own.sum + static_cast<Real>(epsilon));
  }

  template <class Real>
  BYTELOOM_HD Real log_sum(const state<Real>& own, row) const {
    return own.sum == Real(0) ? -math::infinity<Real>
                              : own.maximum + math::log(own.sum + static_cast<Real>(epsilon));
  }

  void validate() const {
    if (!(epsilon >= 0) || !std::isfinite(epsilon))
      throw argument_error("normalizer::softmax_with_epsilon: an epsilon of " + std::to_string(epsilon) +
                           " is added to a sum of weights; give a finite number, 0 or more.");
  }
};

}  // namespace byteloom::inline v0::normalizer
