// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/in_ring: a score policy over a cache whose slots hold other positions than their own number
// (attend/cache/sink_ring.hpp).

#include "byteloom/attend/cache/sink_ring.hpp"
#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::score {

/// `Inner` is asked of the position that a slot holds, its data fits the whole sequence; an empty slot counts
/// as position 0, for mask::in_ring to hide.
template <class Inner>
struct in_ring : byteloom::detail::wraps<Inner> {
  using axis = axis::score;
  static_assert(byteloom::detail::score_hook<Inner>,
                "byteloom: score::in_ring wraps a score policy; write it as in_ring<score::alibi<8>>.");
  static constexpr bool replaces_default_scale = requires { requires Inner::replaces_default_scale; };
  template <memory Other>
  using in = in_ring<byteloom::detail::rebound_policy_t<Inner, Other>>;

  cache::sink_ring ring;
  Inner inner;

  constexpr explicit in_ring(const cache::sink_ring& of_slots, const Inner& of_positions = Inner{})
      : ring(of_slots), inner(of_positions) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(ring, byteloom::detail::with_views<Other>(inner, f));
  }

  void validate() const {
    ring.validate();
    if constexpr (requires { inner.validate(); }) inner.validate();
  }

  void fits(const call_extents& call) const {
    call_extents of_sequence = call;
    of_sequence.keys = ring.length;
    if constexpr (requires { inner.fits(call); }) inner.fits(of_sequence);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    at = ring.in_sequence(at);
    at.key = math::max(at.key, 0);  // kernels score sites before they mask them
    return static_cast<Real>(inner(score, at));
  }
};

}  // namespace byteloom::inline v0::score
