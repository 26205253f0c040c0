// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/softcap: keeps scores inside (-cap, cap): cap * tanh(score / cap) (Gemma 2, arXiv 2408.00118).

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::score {

struct softcap {
  using axis = axis::score;

  float cap;  ///< positive

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site) const {
    return static_cast<Real>(cap) * math::tanh(math::divide(score, static_cast<Real>(cap)));
  }
};

}  // namespace byteloom::inline v0::score
