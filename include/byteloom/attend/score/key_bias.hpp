// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/key_bias: adds a number of each key to all scores of that key: a delete gate (Kallini et al.,
// MrT5, arXiv 2410.20771), the logarithm of how many tokens a merged key stands for (Bolya et al., ToMe,
// arXiv 2210.09461), or minus infinity at padding.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

/// `bias` [batch, key]; a stride of 0 shares one row among sequences. Minus infinity hides a key, and a row
/// whose keys are all hidden so has output zero.
template <memory Where = memory::host>
struct key_bias {
  using axis = axis::score;
  static constexpr memory where = Where;
  template <memory Other>
  using in = key_bias<Other>;

  view<const float, 2, Where> bias;

  constexpr explicit key_bias(view<const float, 2, Where> of_keys) : bias(of_keys) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(bias));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::key_bias", "sequences", bias.extent[0], call.batch);
    byteloom::detail::require_room("score::key_bias", "keys", bias.extent[1], call.keys);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    return added(score, Real(1), at);
  }

  /// The score and `weight` times the bias.
  template <class Real>
  BYTELOOM_HD constexpr Real added(Real score, Real weight, site at) const {
    return score + weight * static_cast<Real>(bias(at.batch, at.key));
  }
};

}  // namespace byteloom::inline v0::score
