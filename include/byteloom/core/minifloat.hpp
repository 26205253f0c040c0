// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/minifloat: floating-point numbers of at most 16 bits as bits and exact conversions, one definition for
// f16, bf16 and both fp8 formats. Every value of such a type is a float, so widening is exact; narrowing
// rounds to nearest, ties to even, in one step from the float.

#include <cstdint>
#include <type_traits>

#include "byteloom/core/bits.hpp"
#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// What the largest exponent means: IEEE 754 keeps it for infinity and NaN; OCP's e4m3 has one NaN a sign
/// there, no infinity, and uses the rest for numbers (OCP 8-bit Floating Point Specification 1.0).
enum class specials { ieee, one_nan };

/// What becomes of a number beyond the largest: infinity (NaN where there is none), or the largest itself.
/// CUDA and OCP name the second saturation; infinity saturates too, NaN stays NaN.
enum class overflow { special, saturate };

namespace detail {

template <int ExponentBits, int MantissaBits, specials Specials>
struct minifloat_codec {
  static constexpr int bits = 1 + ExponentBits + MantissaBits;
  using storage = std::conditional_t<(bits > 8), std::uint16_t, std::uint8_t>;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr std::uint32_t mantissa_mask = (1u << MantissaBits) - 1;
  static constexpr std::uint32_t exponent_mask = ((1u << ExponentBits) - 1) << MantissaBits;
  static constexpr std::uint32_t magnitude_mask = exponent_mask | mantissa_mask;
  static constexpr std::uint32_t sign_bit = 1u << (bits - 1);
  static constexpr std::uint32_t infinity = exponent_mask;  // ieee only
  static constexpr std::uint32_t nan =
      Specials == specials::ieee ? exponent_mask | (1u << (MantissaBits - 1)) : magnitude_mask;
  static constexpr std::uint32_t largest =
      Specials == specials::ieee ? exponent_mask - 1 : magnitude_mask - 1;

  /// Whether a GPU has instructions for the format: f16 and bf16.
  static constexpr bool has_instructions = bits == 16 && Specials == specials::ieee;

  BYTELOOM_HD static constexpr float widen(storage code) {
    if constexpr (bits == 16 && ExponentBits == 8)  // the upper half of a float
      return bit_cast<float>(std::uint32_t{code} << 16);
#if defined(__CUDA_ARCH__)
    if constexpr (has_instructions)
      if (!__builtin_is_constant_evaluated() && (std::uint32_t{code} & magnitude_mask) < exponent_mask) {
        float wide;
        asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(code));
        return wide;
      }
#endif
    const std::uint32_t sign = (std::uint32_t{code} & sign_bit) << (32 - bits);
    const std::uint32_t magnitude = std::uint32_t{code} & magnitude_mask;
    const std::uint32_t exponent = magnitude >> MantissaBits;
    const std::uint32_t mantissa = magnitude & mantissa_mask;
    if constexpr (Specials == specials::ieee) {
      if (exponent == exponent_mask >> MantissaBits)
        return bit_cast<float>(sign | 0x7f800000u | (mantissa << (23 - MantissaBits)));
    } else {
      if (magnitude == magnitude_mask) return bit_cast<float>(sign | 0x7fc00000u);
    }
    if constexpr (ExponentBits == 8) {  // float's own exponent: subnormals map to subnormals
      return bit_cast<float>(sign | (magnitude << (23 - MantissaBits)));
    } else {
      if (exponent == 0) {
        // mantissa * 2^(1 - bias - MantissaBits): both factors and the product are exact floats
        const float unit = bit_cast<float>(static_cast<std::uint32_t>(127 + 1 - bias - MantissaBits) << 23);
        return bit_cast<float>(sign | bit_cast<std::uint32_t>(static_cast<float>(mantissa) * unit));
      }
      const std::uint32_t rebased = exponent + static_cast<std::uint32_t>(127 - bias);
      return bit_cast<float>(sign | (rebased << 23) | (mantissa << (23 - MantissaBits)));
    }
  }

  BYTELOOM_HD static constexpr storage narrow(float value, overflow mode) {
    const std::uint32_t source = bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (source >> 31) << (bits - 1);
    const std::uint32_t magnitude = source & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<storage>(sign | nan);
    const std::uint32_t beyond = mode == overflow::saturate   ? largest
                                 : Specials == specials::ieee ? infinity
                                                              : nan;
    if (magnitude == 0x7f800000u) return static_cast<storage>(sign | beyond);
#if defined(__CUDA_ARCH__)
    if constexpr (has_instructions)
      if (!__builtin_is_constant_evaluated() && mode == overflow::special) {
        storage result;
        if constexpr (ExponentBits == 8) {
          asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result) : "f"(value));
        } else {
          asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
        }
        return result;
      }
#endif

    // Keep `MantissaBits` bits below the leading one, fewer where the result is subnormal; a carry out of the
    // mantissa runs into the exponent, which is what rounding up to the next power of two means.
    constexpr int smallest_normal = 1 - bias;
    const int exponent = static_cast<int>(magnitude >> 23) - 127;
    std::uint32_t significand = magnitude & 0x7fffffu;
    int shift = 23 - MantissaBits;
    std::uint32_t result = 0;
    if (ExponentBits == 8 || exponent >= smallest_normal) {
      significand = magnitude;  // exponent and mantissa together, rebased after rounding
      result = significand >> shift;
    } else {
      significand |= 0x800000u;
      shift += smallest_normal - exponent;
      if (shift > 24) return static_cast<storage>(sign);  // below half of the smallest subnormal
      result = significand >> shift;
    }
    const std::uint32_t remainder = significand & ((1u << shift) - 1);
    const std::uint32_t half = 1u << (shift - 1);
    if (remainder > half || (remainder == half && (result & 1u) != 0)) ++result;
    if (ExponentBits != 8 && exponent >= smallest_normal)
      result -= static_cast<std::uint32_t>(127 - bias) << MantissaBits;
    if (result > largest) result = beyond;
    return static_cast<storage>(sign | result);
  }
};

}  // namespace detail
}  // namespace byteloom::inline v0
