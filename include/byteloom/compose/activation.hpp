// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/activation: functions of one number between two linear layers.

#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::activation {

struct identity {
  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real x) const {
    return x;
  }
};

/// x * sigmoid(x) (Elfwing et al., arXiv 1702.03118).
struct silu {
  template <class Real>
  BYTELOOM_HD Real operator()(Real x) const {
    return math::divide(x, Real(1) + math::exp(-x));
  }
};

/// x * Phi(x), Phi the normal distribution function, computed by erf (Hendrycks and Gimpel, arXiv
/// 1606.08415).
struct gelu {
  template <class Real>
  BYTELOOM_HD Real operator()(Real x) const {
    return Real(0.5) * x * (Real(1) + math::erf(x * Real(0.70710678118654752440)));
  }
};

/// The same paper's approximation by tanh, which GPT-2 and others were trained with.
struct gelu_tanh {
  template <class Real>
  BYTELOOM_HD Real operator()(Real x) const {
    const Real inner = Real(0.79788456080286535588) * (x + Real(0.044715) * x * x * x);
    return Real(0.5) * x * (Real(1) + math::tanh(inner));
  }
};

}  // namespace byteloom::inline v0::activation
