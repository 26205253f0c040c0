// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/in_ring: keys turn by the positions that a cache's slots hold, not by the slots' numbers, so that
// the cache keeps them unrotated (Han et al., LM-Infinite, arXiv 2308.16137).

#include "byteloom/core/axis.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// `Ring`, such as cache::sink_ring, says position_of(slot), below 0 for an empty one, and the `length` of
/// the sequence. Queries stand where they are told to, by keys::apart. It follows the sequence, so a
/// backend's own cache cannot keep keys turned by it.
template <class Ring, class Inner = rope<>>
struct in_ring {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = true;

  Ring ring;
  Inner inner;

  constexpr explicit in_ring(const Ring& of_slots, const Inner& turning = Inner{})
      : ring(of_slots), inner(turning) {}

  void validate() const {
    ring.validate();
    if constexpr (requires { inner.validate(); }) inner.validate();
  }

  BYTELOOM_HD constexpr int first_of(int pair, int size) const { return inner.first_of(pair, size); }
  BYTELOOM_HD constexpr int second_of(int pair, int size) const { return inner.second_of(pair, size); }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(spot token, int pair, int size) const {
    token.length = ring.length;
    return turn_query<Real>(inner, token, pair, size);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(spot token, int pair, int size) const {
    token.place = math::max(ring.position_of(static_cast<int>(token.place)), 0);
    token.length = ring.length;
    return turn_key<Real>(inner, token, pair, size);
  }
};

}  // namespace byteloom::inline v0::position
