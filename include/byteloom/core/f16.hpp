// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/f16: half precision, IEEE 754 binary16.

#include "byteloom/core/minifloat.hpp"

namespace byteloom::inline v0 {

/// IEEE 754 binary16: 5 exponent bits, 10 mantissa bits, largest 65504. Arithmetic happens in float.
struct f16 {
  using codec = detail::minifloat_codec<5, 10, specials::ieee>;
  codec::storage bits;

  f16() = default;
  BYTELOOM_HD explicit constexpr f16(float value, overflow mode = overflow::special)
      : bits(codec::narrow(value, mode)) {}
  BYTELOOM_HD constexpr operator float() const { return codec::widen(bits); }

  /// The value whose bit pattern is `code`.
  BYTELOOM_HD static constexpr f16 from_bits(codec::storage code) {
    f16 result(0.0f);
    result.bits = code;
    return result;
  }
};

}  // namespace byteloom::inline v0
