// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/at_ids: positions are given token by token, for sequences that hold several documents whose
// positions start anew, left-padded batches, or randomised positions. Masks and scores still see the tokens'
// places in the sequence.

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// `ids` [batch, place in the sequence] are what `Inner` turns by.
template <class Inner = rope<>, memory Where = memory::host>
struct at_ids {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = position::turns_by_length<Inner>;
  static constexpr memory where = Where;
  template <memory Other>
  using in = at_ids<byteloom::detail::rebound_policy_t<Inner, Other>, Other>;

  view<const int, 2, Where> ids;
  Inner inner;

  constexpr explicit at_ids(view<const int, 2, Where> of_tokens, const Inner& turning = Inner{})
      : ids(of_tokens), inner(turning) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto moved = f(ids);
    return in<Other>(moved, byteloom::detail::with_views<Other>(inner, f));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("position::at_ids", "sequences", ids.extent[0], call.batch);
    byteloom::detail::require_room("position::at_ids", "positions", ids.extent[1], call.keys);
    if constexpr (requires { inner.fits(call); }) inner.fits(call);
  }

  BYTELOOM_HD constexpr int first_of(int pair, int size) const { return inner.first_of(pair, size); }
  BYTELOOM_HD constexpr int second_of(int pair, int size) const { return inner.second_of(pair, size); }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& where_it_stands, int pair, int size) const {
    return turn_query<Real>(inner, named(where_it_stands), pair, size);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot& where_it_stands, int pair, int size) const {
    return turn_key<Real>(inner, named(where_it_stands), pair, size);
  }

 private:
  BYTELOOM_HD constexpr spot named(spot token) const {
    token.place = ids(token.batch, token.place);
    return token;
  }
};

}  // namespace byteloom::inline v0::position
