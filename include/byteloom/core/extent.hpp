// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/extent: counts that are either part of a type or carried at run time, with one spelling for their
// reader.
//
// Types that travel into kernels use no [[no_unique_address]]: nvcc 13.0 lays out a struct with such an empty
// member differently on the device. What takes no room is a base class or a static member instead.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// In place of a count in a template argument: the count is given at run time.
inline constexpr int dynamic = -1;

}  // namespace byteloom::inline v0

/// Defines the template `name_extent<Value>`, to be derived from: it has the int `name`, which is the
/// constant Value (a positive number) or, for `dynamic`, a member that is set at run time.
#define BYTELOOM_EXTENT(name)                                                                               \
  template <int Value>                                                                                      \
  struct name##_extent {                                                                                    \
    static_assert(Value > 0,                                                                                \
                  "byteloom: an extent that is part of a type is a positive number; write dynamic for one " \
                  "that is given at run time.");                                                            \
    static constexpr int name = Value;                                                                      \
  };                                                                                                        \
  template <>                                                                                               \
  struct name##_extent<byteloom::dynamic> {                                                                 \
    int name;                                                                                               \
  };
