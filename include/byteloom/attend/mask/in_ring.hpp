// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/in_ring: a mask over a cache whose slots hold other positions than their own number
// (attend/cache/sink_ring.hpp).

#include "byteloom/attend/cache/sink_ring.hpp"
#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/held_views.hpp"

namespace byteloom::inline v0::mask {

/// `Inner` is asked of the position that a slot holds; empty slots are hidden. Without one, all that the
/// cache holds is seen.
template <class Inner>
struct in_ring : byteloom::detail::wraps<Inner> {
  using axis = axis::mask;
  static_assert(byteloom::detail::on_axis<Inner, byteloom::axis::mask> && byteloom::detail::mask_hook<Inner>,
                "byteloom: mask::in_ring wraps a mask; write it as in_ring<mask::causal>.");
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

  BYTELOOM_HD constexpr bool keep(site at) const {
    at = ring.in_sequence(at);
    return at.key >= 0 && inner.keep(at);
  }
};

}  // namespace byteloom::inline v0::mask
