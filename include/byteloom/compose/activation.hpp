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

/// 1 / (1 + exp(-x)): a gate.
struct sigmoid {
  template <class Real>
  BYTELOOM_HD Real operator()(Real x) const {
    return math::divide(Real(1), Real(1) + math::exp(-x));
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

/// max(x, 0).
struct relu {
  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real x) const {
    return math::max(x, Real(0));
  }
};

/// x * above for x over 0, x * below under it.
struct leaky_relu {
  float above = 1.0f;
  float below = 0.01f;

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real x) const {
    return x * static_cast<Real>(x > Real(0) ? above : below);
  }
};

/// The ReLU whose slopes approach 1 as the width grows, 1 + above / sqrt(width) and 1 + below / sqrt(width)
/// (Li et al., arXiv 2206.02768), as the Shaped Transformer has it (Noci et al., arXiv 2306.17759).
inline leaky_relu shaped_relu(float above, float below, int width) {
  const float share = math::rsqrt(static_cast<float>(width));
  return {1.0f + above * share, 1.0f + below * share};
}

/// limit * tanh(x / limit): the logits of Gemma 2 (arXiv 2408.00118).
struct softcap {
  float limit = 30.0f;

  template <class Real>
  BYTELOOM_HD Real operator()(Real x) const {
    return static_cast<Real>(limit) * math::tanh(x * math::divide(Real(1), static_cast<Real>(limit)));
  }
};

}  // namespace byteloom::inline v0::activation
