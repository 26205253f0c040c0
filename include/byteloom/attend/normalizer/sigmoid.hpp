// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/sigmoid: each weight is sigmoid(score + bias), by itself; a row's weights sum to nothing
// in particular (Ramapuram et al., "Theory, Analysis, and Best Practices for Sigmoid Self-Attention", arXiv
// 2409.04431, whose bias is -ln(number of keys)).

#include <cmath>
#include <string>

#include "byteloom/attend/normalizer/pointwise.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::normalizer {

struct sigmoid : pointwise {
  static constexpr bool at_most_one = true;

  float bias = 0.0f;

  constexpr sigmoid() = default;
  constexpr explicit sigmoid(float of_all) : bias(of_all) {}

  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>&, Real score) const {
    return math::divide(Real(1), Real(1) + math::exp(-(score + static_cast<Real>(bias))));
  }

  void validate() const {
    if (!std::isfinite(bias))
      throw argument_error("normalizer::sigmoid: a bias of " + std::to_string(bias) +
                           " leaves no weights; give a finite number (0 for none).");
  }
};

}  // namespace byteloom::inline v0::normalizer
