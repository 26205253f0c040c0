// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/softcap: keeps scores inside (-cap, cap): cap * tanh(score / cap) (Gemma 2, arXiv 2408.00118).

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::score {

struct softcap {
  using axis = axis::score;

  float cap;  ///< positive

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site at) const {
    const Real whole = static_cast<Real>(cap);
    return whole * inner(score * math::divide(Real(1), whole), at);  // one division for all sites
  }

  /// The same in parts: outer_factor() * inner(score * inner_factor()).
  BYTELOOM_HD float inner_factor() const { return math::divide(1.0f, cap); }
  template <class Real>
  BYTELOOM_HD Real inner(Real score, site) const {
    return math::tanh(score);
  }
  BYTELOOM_HD float outer_factor() const { return cap; }

  void validate() const {
    if (!(cap > 0) || cap == math::infinity<float>)
      throw argument_error("score::softcap: " + std::to_string(cap) +
                           " caps nothing; give a finite number above 0, or leave the policy out.");
  }
};

}  // namespace byteloom::inline v0::score
