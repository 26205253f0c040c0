// SPDX-License-Identifier: Apache-2.0

// Activations against their published definitions.

#include "byteloom/compose/activation.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace activation = byteloom::activation;

TEST_CASE_TEMPLATE("activations are what their papers say", Real, float, double) {
  const double bound = sizeof(Real) == 4 ? 2e-6 : 1e-12;
  for (int i = -400; i <= 400; ++i) {
    const Real x = static_cast<Real>(i) / 40;
    const double exact = i / 40.0;
    const auto near = [&](Real found, double wanted) {
      CHECK(std::abs(static_cast<double>(found) - wanted) <= bound * (1 + std::abs(wanted)));
    };
    near(activation::identity{}(x), exact);
    near(activation::sigmoid{}(x), 1 / (1 + std::exp(-exact)));
    near(activation::silu{}(x), exact / (1 + std::exp(-exact)));
    near(activation::gelu{}(x), exact * std::erfc(-exact / std::sqrt(2.0)) / 2);
    const double inner = std::sqrt(2 / std::acos(-1.0)) * (exact + 0.044715 * std::pow(exact, 3));
    near(activation::gelu_tanh{}(x), exact / (1 + std::exp(-2 * inner)));
  }
}
