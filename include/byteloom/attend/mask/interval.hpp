// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/interval: the vocabulary of masks beside keep and cover: `interval reach(row) const`, for a
// mask whose kept keys of a row lie next to each other (just those: kernels ask for it in place of keep),
// `int count(row) const`, the number of keys it keeps of a row (-1 where it would have to count them), and
// how the parts of a tile make its coverage.

#include <concepts>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// Keys first, first + 1, ..., last - 1; none where last <= first.
struct interval {
  int first;
  int last;

  BYTELOOM_HD constexpr int size() const { return math::max(0, last - first); }

  /// What lies in both.
  BYTELOOM_HD constexpr interval operator&(interval other) const {
    return {math::max(first, other.first), math::min(last, other.last)};
  }
};

namespace detail {

template <class Mask>
concept counts = requires(const Mask mask, row of) {
  { mask.count(of) } -> std::same_as<int>;
};

template <class Mask>
concept reaches = requires(const Mask mask, row of) {
  { mask.reach(of) } -> std::same_as<interval>;
};

/// Whether a mask that reaches says that its intervals rise: from one row to the next neither end falls, and
/// a row that stands among the keys sees itself. Then the first and the last row of a tile of queries tell
/// which tiles of keys are visited. A mask says it by `static constexpr bool rises = true`.
template <class Mask>
inline constexpr bool rises = false;
template <class Mask>
requires(reaches<Mask>&& requires { Mask::rises; }) inline constexpr bool rises<Mask> = Mask::rises;

/// Whether a mask reads memory to tell what it keeps.
template <class Mask>
inline constexpr bool looks_up = requires {
  Mask::where;
};

/// Coverage of a whole whose parts come one after the other.
struct parts {
  bool some = false;     ///< a site is kept, or may be
  bool missing = false;  ///< a site is not kept, or may be not

  BYTELOOM_HD constexpr void add(coverage part) {
    some = some || part != coverage::none;
    missing = missing || part != coverage::full;
  }
  BYTELOOM_HD constexpr bool decided() const { return some && missing; }
  BYTELOOM_HD constexpr coverage joined() const {
    if (!some) return coverage::none;
    return missing ? coverage::partial : coverage::full;
  }
};

}  // namespace detail
}  // namespace byteloom::inline v0::mask
