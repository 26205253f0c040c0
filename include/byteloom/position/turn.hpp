// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/turn: how a backend asks a position policy for a rotation. A simple policy offers
//
//   at<Real>(index place, int pair, int size)      // .first(a, b) and .second(a, b) of the result
//
// and turns queries and keys alike, by their position alone. One that tells them apart, or wants to know the
// sequence or its length, offers at_query<Real>(spot, pair, size) and at_key<Real>(spot, pair, size) instead.
// first_of(pair, size) and second_of(pair, size) say which dimensions a pair is; both may be static.

#include <concepts>

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::position {

/// One row of queries or keys that is to be turned.
struct spot {
  int batch;     ///< which sequence
  index place;   ///< position in the sequence
  index length;  ///< keys of the sequence, as in site::keys
};

/// The rotation of a pair of dimensions, times a magnitude where a policy has one.
template <class Real>
struct rotation {
  Real cosine;
  Real sine;

  BYTELOOM_HD constexpr Real first(Real a, Real b) const { return a * cosine - b * sine; }
  BYTELOOM_HD constexpr Real second(Real a, Real b) const { return a * sine + b * cosine; }
};

namespace detail {
template <class Position, class Real>
concept turns_alike = requires(const Position& position) {
  position.template at<Real>(index{}, 0, 2);
};
template <class Position, class Real>
concept turns_apart = requires(const Position& position, const spot& where) {
  position.template at_query<Real>(where, 0, 2);
  position.template at_key<Real>(where, 0, 2);
};
}  // namespace detail

/// How pair `pair` of a query's head of `size` dimensions turns.
template <class Real, class Position>
requires(detail::turns_alike<Position, Real> || detail::turns_apart<Position, Real>)
    BYTELOOM_HD auto turn_query(const Position& position, const spot& where, int pair, int size) {
  if constexpr (detail::turns_apart<Position, Real>) {
    return position.template at_query<Real>(where, pair, size);
  } else {
    return position.template at<Real>(where.place, pair, size);
  }
}

/// How pair `pair` of a key's head of `size` dimensions turns.
template <class Real, class Position>
requires(detail::turns_alike<Position, Real> || detail::turns_apart<Position, Real>)
    BYTELOOM_HD auto turn_key(const Position& position, const spot& where, int pair, int size) {
  if constexpr (detail::turns_apart<Position, Real>) {
    return position.template at_key<Real>(where, pair, size);
  } else {
    return position.template at<Real>(where.place, pair, size);
  }
}

/// Whether a policy looks at spot::length, so that a cache cannot keep keys turned while it grows. It says so
/// by `static constexpr bool turns_by_length = true`; one that does not may find a length of 0.
template <class Position>
inline constexpr bool turns_by_length = false;
template <class Position>
requires requires { Position::turns_by_length; }
inline constexpr bool turns_by_length<Position> = Position::turns_by_length;

}  // namespace byteloom::inline v0::position
