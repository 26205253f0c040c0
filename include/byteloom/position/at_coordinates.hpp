// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/at_coordinates: tokens stand where they are told to, by a number for each axis: inside windows
// that have an origin of their own (Wang et al., SeedVR, arXiv 2501.01320), or on maps that share a sequence
// with text.

#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// `coordinates` [batch, place in the sequence, axis]. A head is cut into `Axes` parts of equal, even size,
/// and part a turns by coordinate a as if it were a head of that size; dimensions that are left over pass
/// through, as in position::axial. A token whose coordinates are 0 is not turned by rope.
template <int Axes, class Inner = rope<>, memory Where = memory::host>
struct at_coordinates {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = position::turns_by_length<Inner>;
  static constexpr memory where = Where;
  template <memory Other>
  using in = at_coordinates<Axes, byteloom::detail::rebound_policy_t<Inner, Other>, Other>;

  view<const int, 3, Where> coordinates;
  Inner inner;

  constexpr explicit at_coordinates(view<const int, 3, Where> of_tokens, const Inner& turning = Inner{})
      : coordinates(of_tokens), inner(turning) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto moved = f(coordinates);
    return in<Other>(moved, byteloom::detail::with_views<Other>(inner, f));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("position::at_coordinates", "axes", coordinates.extent[2], Axes);
    byteloom::detail::require_fit("position::at_coordinates", "sequences", coordinates.extent[0], call.batch);
    byteloom::detail::require_room("position::at_coordinates", "positions", coordinates.extent[1], call.keys);
    if (call.size < 2 * Axes)
      throw shape_error("position::at_coordinates: a head of " + std::to_string(call.size) +
                        " dimensions has no pair for each of " + std::to_string(Axes) +
                        " axes; give at least " + std::to_string(2 * Axes) + ".");
  }

  BYTELOOM_HD constexpr int first_of(int pair, int size) const {
    const int part = size_of_part(size);
    const int of_axis = pair / (part / 2);
    return of_axis >= Axes ? 2 * pair : of_axis * part + inner.first_of(pair % (part / 2), part);
  }
  BYTELOOM_HD constexpr int second_of(int pair, int size) const {
    const int part = size_of_part(size);
    const int of_axis = pair / (part / 2);
    return of_axis >= Axes ? 2 * pair + 1 : of_axis * part + inner.second_of(pair % (part / 2), part);
  }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& token, int pair, int size) const {
    const int part = size_of_part(size);
    const int of_axis = pair / (part / 2);
    if (of_axis >= Axes) return {Real(1), Real(0)};
    return turn_query<Real>(inner, along(token, of_axis), pair % (part / 2), part);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot& token, int pair, int size) const {
    const int part = size_of_part(size);
    const int of_axis = pair / (part / 2);
    if (of_axis >= Axes) return {Real(1), Real(0)};
    return turn_key<Real>(inner, along(token, of_axis), pair % (part / 2), part);
  }

 private:
  BYTELOOM_HD static constexpr int size_of_part(int size) { return size / (2 * Axes) * 2; }

  BYTELOOM_HD constexpr spot along(spot token, int which) const {
    token.place = coordinates(token.batch, token.place, which);
    return token;
  }
};

}  // namespace byteloom::inline v0::position
