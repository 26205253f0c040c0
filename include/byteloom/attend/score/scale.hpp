// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/scale: multiplies a score. Naming it replaces the 1/sqrt(head size) that otherwise comes
// first.
//
// A score policy is a function of (score, site). Library policies are templates on the real type; a user's
// may be written in float.

#include <cmath>
#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::score {

struct scale {
  using axis = axis::score;
  static constexpr bool replaces_default_scale = true;

  float factor;

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site) const {
    return score * static_cast<Real>(factor);
  }

  /// The same at every site, so that kernels may fold it into what follows.
  BYTELOOM_HD constexpr float constant_factor() const { return factor; }

  void validate() const {
    if (!std::isfinite(factor))
      throw argument_error("score::scale: " + std::to_string(factor) +
                           " is no factor; give a finite number.");
  }
};

}  // namespace byteloom::inline v0::score
