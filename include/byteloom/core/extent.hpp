// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/extent: a count that is either part of a type or carried at run time, with one spelling for its
// reader.

#include <cstdint>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// In place of a count in a template argument: the count is given at run time.
inline constexpr int dynamic = -1;

/// A positive count: `extent<64>` is empty and converts to 64; `extent<dynamic>` carries its value. `Tag`
/// tells several extents of one struct apart, so that constant ones take no room even where their values
/// agree.
template <int Value = dynamic, int Tag = 0>
struct extent {
  static_assert(Value > 0,
                "byteloom: an extent that is part of a type is a positive number; write dynamic for one "
                "that is given at run time.");
  static constexpr bool is_constant = true;
  BYTELOOM_HD constexpr operator int() const { return Value; }
};

template <int Tag>
struct extent<dynamic, Tag> {
  static constexpr bool is_constant = false;
  int value;
  BYTELOOM_HD constexpr operator int() const { return value; }
};

}  // namespace byteloom::inline v0
