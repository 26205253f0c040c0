// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/constant_distance: every key is seen at the same distance: keys stay as they are and queries turn
// as at one position (the first tokens of Han et al., LM-Infinite, arXiv 2308.16137).

#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// Queries turn by `Inner`, a policy of at<Real>(place, pair, size), as at position limit, or at the
/// sequence's last where that is nearer.
template <class Inner = rope<>>
struct constant_distance {
  using axis = axis::position;
  static_assert(
      detail::turns_alike<Inner, float>,
      "byteloom: position::constant_distance wraps a policy that turns by position alone; write it as "
      "constant_distance<position::rope<>>.");
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = true;

  Inner inner;
  index limit;

  explicit constant_distance(index distance, const Inner& turning = Inner{})
      : inner(turning), limit(distance) {}

  void validate() const {
    if (limit < 0)
      throw argument_error("position::constant_distance: no key is seen at a distance of " +
                           std::to_string(limit) + "; give at least 0.");
  }

  BYTELOOM_HD constexpr int first_of(int pair, int size) const { return inner.first_of(pair, size); }
  BYTELOOM_HD constexpr int second_of(int pair, int size) const { return inner.second_of(pair, size); }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& where, int pair, int size) const {
    return inner.template at<Real>(math::min(limit, where.length - 1), pair, size);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot&, int, int) const {
    return {Real(1), Real(0)};
  }
};

}  // namespace byteloom::inline v0::position
