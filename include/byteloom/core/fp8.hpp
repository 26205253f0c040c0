// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/fp8: the two 8-bit floating-point formats of the OCP specification 1.0.

#include "byteloom/core/minifloat.hpp"

namespace byteloom::inline v0 {

/// OCP e4m3: largest 448, no infinity. Numbers beyond it saturate unless asked otherwise, as in CUDA's
/// default.
struct fp8_e4m3 {
  using codec = detail::minifloat_codec<4, 3, specials::one_nan>;
  codec::storage bits;

  fp8_e4m3() = default;
  BYTELOOM_HD explicit constexpr fp8_e4m3(float value, overflow mode = overflow::saturate)
      : bits(codec::narrow(value, mode)) {}
  BYTELOOM_HD constexpr operator float() const { return codec::widen(bits); }

  /// The value whose bit pattern is `code`.
  BYTELOOM_HD static constexpr fp8_e4m3 from_bits(codec::storage code) {
    fp8_e4m3 result(0.0f);
    result.bits = code;
    return result;
  }
};

/// OCP e5m2: largest 57344, infinities. Numbers beyond it saturate unless asked otherwise, as in CUDA's
/// default.
struct fp8_e5m2 {
  using codec = detail::minifloat_codec<5, 2, specials::ieee>;
  codec::storage bits;

  fp8_e5m2() = default;
  BYTELOOM_HD explicit constexpr fp8_e5m2(float value, overflow mode = overflow::saturate)
      : bits(codec::narrow(value, mode)) {}
  BYTELOOM_HD constexpr operator float() const { return codec::widen(bits); }

  /// The value whose bit pattern is `code`.
  BYTELOOM_HD static constexpr fp8_e5m2 from_bits(codec::storage code) {
    fp8_e5m2 result(0.0f);
    result.bits = code;
    return result;
  }
};

}  // namespace byteloom::inline v0
