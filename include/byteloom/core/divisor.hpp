// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/divisor: division of positions by a count that is either part of a type or carried at run time. The
// latter brings the reciprocal that turns each of its divisions into a multiplication and a shift, since
// masks divide at every site.

#include <cstdint>

#include "byteloom/core/config.hpp"
#include "byteloom/core/extent.hpp"

namespace byteloom::inline v0 {

/// Divides ints from 0 on by `Value`, a positive number; `divisor<>{24}` carries it. One below 1 can be made,
/// so that its owner can refuse it, but divides nothing.
template <int Value = dynamic>
struct divisor {
  static_assert(
      Value > 0,
      "byteloom: a size that is part of a type divides positions, so it is a positive number; write dynamic "
      "for one that is given at run time.");
  static constexpr int value = Value;

  BYTELOOM_HD static constexpr int quotient(int of) {
    return static_cast<int>(static_cast<std::uint32_t>(of) / std::uint32_t{Value});
  }
  BYTELOOM_HD static constexpr int remainder(int of) { return of - quotient(of) * Value; }
};

// With 2^(shift - 31) the least power of two that is at least d, m = ceil(2^shift / d) fits 32 bits, and
// m d = 2^shift + e with e < d. So n m / 2^shift = n / d + n e / (d 2^shift), and as n e < 2^31 2^(shift -
// 31), what comes on top of n / d is less than 1 / d and never reaches the next integer.
template <>
struct divisor<dynamic> {
  int value;
  std::uint32_t multiplier;
  std::uint32_t shift;

  constexpr divisor(int of) : value(of), multiplier(0), shift(31) {
    if (of < 1) return;
    while ((std::uint64_t{1} << (shift - 31)) < static_cast<std::uint64_t>(of)) ++shift;
    const auto by = static_cast<std::uint64_t>(of);
    multiplier = static_cast<std::uint32_t>(((std::uint64_t{1} << shift) + by - 1) / by);
  }

  BYTELOOM_HD constexpr int quotient(int of) const {
    return static_cast<int>((std::uint64_t{static_cast<std::uint32_t>(of)} * multiplier) >> shift);
  }
  BYTELOOM_HD constexpr int remainder(int of) const { return of - quotient(of) * value; }
};

}  // namespace byteloom::inline v0
