// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/axial: tokens of an image or a video stand on a grid, and each axis of the grid turns a part of
// the head of its own (axial rotary embedding: Fang et al., EVA-02, arXiv 2303.11331; Heo et al., arXiv
// 2403.13298; in three axes for video).

#include <string>
#include <utility>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/raster.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// Token t of the sequence stands at the grid's row-major place t. A head is cut into `Axes` parts of equal,
/// even size, and part a turns by coordinate a as if it were a head of that size; dimensions that are left
/// over pass through.
template <int Axes, class Inner = rope<>>
struct axial : byteloom::detail::wraps<Inner> {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = position::turns_by_length<Inner>;
  template <memory Other>
  using in = axial<Axes, byteloom::detail::rebound_policy_t<Inner, Other>>;

  raster<Axes> tokens;  ///< extents of the grid, slowest axis first
  Inner inner;

  constexpr explicit axial(const raster<Axes>& extents, const Inner& turning = Inner{})
      : tokens(extents), inner(turning) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(tokens, byteloom::detail::with_views<Other>(inner, f));
  }

  void validate() const { tokens.validate("position::axial"); }

  void fits(const call_extents& call) const {
    if (call.size < 2 * Axes)
      throw shape_error("position::axial: a head of " + std::to_string(call.size) +
                        " dimensions has no pair for each of " + std::to_string(Axes) +
                        " axes; give at least " + std::to_string(2 * Axes) + ".");
    if constexpr (requires { inner.fits(call); }) {
      call_extents part = call;
      part.size = size_of_part(static_cast<int>(call.size));
      inner.fits(part);
    }
  }

  BYTELOOM_HD constexpr int first_of(int pair, int size) const {
    const int part = size_of_part(size);
    const int axis_of_pair = pair / (part / 2);
    if (axis_of_pair >= Axes) return 2 * pair;
    return axis_of_pair * part + inner.first_of(pair % (part / 2), part);
  }
  BYTELOOM_HD constexpr int second_of(int pair, int size) const {
    const int part = size_of_part(size);
    const int axis_of_pair = pair / (part / 2);
    if (axis_of_pair >= Axes) return 2 * pair + 1;
    return axis_of_pair * part + inner.second_of(pair % (part / 2), part);
  }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& token, int pair, int size) const {
    const int part = size_of_part(size);
    const int axis_of_pair = pair / (part / 2);
    if (axis_of_pair >= Axes) return {Real(1), Real(0)};
    return turn_query<Real>(inner, along(token, axis_of_pair), pair % (part / 2), part);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot& token, int pair, int size) const {
    const int part = size_of_part(size);
    const int axis_of_pair = pair / (part / 2);
    if (axis_of_pair >= Axes) return {Real(1), Real(0)};
    return turn_key<Real>(inner, along(token, axis_of_pair), pair % (part / 2), part);
  }

 private:
  BYTELOOM_HD static constexpr int size_of_part(int size) { return size / (2 * Axes) * 2; }

  BYTELOOM_HD constexpr spot along(spot token, int which) const {
    token.place = tokens.coordinate(static_cast<int>(token.place), which);
    return token;
  }
};

}  // namespace byteloom::inline v0::position
