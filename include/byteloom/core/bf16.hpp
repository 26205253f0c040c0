// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/bf16: bfloat16, the upper half of a float.

#include "byteloom/core/minifloat.hpp"

namespace byteloom::inline v0 {

/// bfloat16: float's 8 exponent bits, 7 mantissa bits. Arithmetic happens in float.
struct bf16 {
  using codec = detail::minifloat_codec<8, 7, specials::ieee>;
  codec::storage bits;

  bf16() = default;
  BYTELOOM_HD explicit constexpr bf16(float value, overflow mode = overflow::special)
      : bits(codec::narrow(value, mode)) {}
  BYTELOOM_HD constexpr operator float() const { return codec::widen(bits); }

  /// The value whose bit pattern is `code`.
  BYTELOOM_HD static constexpr bf16 from_bits(codec::storage code) {
    bf16 result(0.0f);
    result.bits = code;
    return result;
  }
};

}  // namespace byteloom::inline v0
