// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/partial: only the first dimensions of a head turn, as if they were a head of that size; the rest
// passes through (GPT-J, GPT-NeoX, Phi; McGill-NLP's rotary over the first quarter).

#include <string>
#include <type_traits>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

namespace detail {
BYTELOOM_EXTENT(turned)
}

/// The first `Turned` dimensions (even; a constant or dynamic) turn by `Inner`.
template <int Turned = dynamic, class Inner = rope<>>
struct partial : detail::turned_extent<Turned>, byteloom::detail::wraps<Inner> {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = position::turns_by_length<Inner>;
  template <memory Other>
  using in = partial<Turned, byteloom::detail::rebound_policy_t<Inner, Other>>;

  Inner inner;

  partial() requires(Turned != dynamic && std::is_default_constructible_v<Inner>) : inner() {}
  constexpr explicit partial(const Inner& turning) requires(Turned != dynamic) : inner(turning) {}
  constexpr explicit partial(int dimensions, const Inner& turning = Inner{}) requires(Turned == dynamic)
      : detail::turned_extent<Turned>{dimensions}, inner(turning) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    if constexpr (Turned == dynamic) {
      return in<Other>(this->turned, byteloom::detail::with_views<Other>(inner, f));
    } else {
      return in<Other>(byteloom::detail::with_views<Other>(inner, f));
    }
  }

  void fits(const call_extents& call) const {
    if (this->turned < 2 || this->turned % 2 != 0 || this->turned > call.size)
      throw shape_error("position::partial: " + std::to_string(int{this->turned}) +
                        " turned dimensions of a head of " + std::to_string(call.size) +
                        "; give an even number from 2 to the head's size.");
    if constexpr (requires { inner.fits(call); }) {
      call_extents part = call;
      part.size = this->turned;
      inner.fits(part);
    }
  }

  BYTELOOM_HD constexpr int first_of(int pair, int) const {
    return pair < this->turned / 2 ? inner.first_of(pair, this->turned) : 2 * pair;
  }
  BYTELOOM_HD constexpr int second_of(int pair, int) const {
    return pair < this->turned / 2 ? inner.second_of(pair, this->turned) : 2 * pair + 1;
  }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& token, int pair, int) const {
    if (pair >= this->turned / 2) return {Real(1), Real(0)};
    return turn_query<Real>(inner, token, pair, this->turned);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot& token, int pair, int) const {
    if (pair >= this->turned / 2) return {Real(1), Real(0)};
    return turn_key<Real>(inner, token, pair, this->turned);
  }
};

}  // namespace byteloom::inline v0::position
