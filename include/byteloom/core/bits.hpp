// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/bits: what std::bit_cast does, callable from device code (the standard's is a host function to nvcc).

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// The value of type To that has the bits of `from`; both are trivially copyable and of one size.
template <class To, class From>
BYTELOOM_HD constexpr To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From),
                "byteloom: bit_cast needs two types of one size; name a type as wide as the value.");
  return __builtin_bit_cast(To, from);
}

}  // namespace byteloom::inline v0
