// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/lowered: what a mask would hide is lowered by a number instead, as models do that add -100
// between the regions of a shifted window (Liu et al., Swin Transformer, arXiv 2103.14030) or -10000 at
// padding. A key so far below the others is seen where all others are lower still, which a mask never allows.

#include <cmath>
#include <string>

#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"

namespace byteloom::inline v0::score {

/// Takes `by` from the score of every site that `Mask` does not keep.
template <class Mask>
struct lowered : byteloom::detail::wraps<Mask> {
  using axis = axis::score;
  static_assert(byteloom::detail::on_axis<Mask, byteloom::axis::mask> && byteloom::detail::mask_hook<Mask>,
                "byteloom: score::lowered wraps a mask; write it as lowered<mask::windows<2>>.");
  template <memory Other>
  using in = lowered<byteloom::detail::rebound_policy_t<Mask, Other>>;

  Mask mask;
  float by;

  constexpr explicit lowered(const Mask& of_sites, float amount = 100.0f) : mask(of_sites), by(amount) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(byteloom::detail::with_views<Other>(mask, f), by);
  }

  void validate() const {
    if (!std::isfinite(by))
      throw argument_error("score::lowered: scores lowered by " + std::to_string(by) +
                           "; give a finite number, or the mask itself, which hides.");
    if constexpr (requires { mask.validate(); }) mask.validate();
  }

  void fits(const call_extents& call) const {
    if constexpr (requires { mask.fits(call); }) mask.fits(call);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    return mask.keep(at) ? score : score - static_cast<Real>(by);
  }
};

}  // namespace byteloom::inline v0::score
