// SPDX-License-Identifier: Apache-2.0

// Narrowing to f16, bf16 and both fp8 formats against a model in double precision that shares no step with
// the library: divide by the spacing of numbers around x, round to an integer, multiply.

#include <doctest/doctest.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/bits.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/core/fp8.hpp"

namespace bl = byteloom;

namespace {

template <class T>
struct format;
template <>
struct format<bl::f16> {
  static constexpr int mantissa_bits = 10, smallest_exponent = -14;
  static constexpr double largest = 65504;
  static constexpr bool has_infinity = true;
};
template <>
struct format<bl::bf16> {
  static constexpr int mantissa_bits = 7, smallest_exponent = -126;
  static constexpr double largest = 0x1.fep127;
  static constexpr bool has_infinity = true;
};
template <>
struct format<bl::fp8_e4m3> {
  static constexpr int mantissa_bits = 3, smallest_exponent = -6;
  static constexpr double largest = 448;
  static constexpr bool has_infinity = false;
};
template <>
struct format<bl::fp8_e5m2> {
  static constexpr int mantissa_bits = 2, smallest_exponent = -14;
  static constexpr double largest = 57344;
  static constexpr bool has_infinity = true;
};

/// What x becomes. Numbers below 2^-40 times the smallest subnormal are zero like x itself.
template <class T>
double rounded(float x, bl::overflow mode) {
  using f = format<T>;
  if (std::isnan(x)) return std::numeric_limits<double>::quiet_NaN();
  const double beyond = mode == bl::overflow::saturate ? f::largest
                        : f::has_infinity              ? std::numeric_limits<double>::infinity()
                                                       : std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return std::copysign(beyond, static_cast<double>(x));
  const double value = static_cast<double>(x);
  const int exponent = value == 0 ? f::smallest_exponent : std::max(std::ilogb(value), f::smallest_exponent);
  const double spacing = std::ldexp(1.0, exponent - f::mantissa_bits);
  const double nearest = std::nearbyint(value / spacing) * spacing;  // ties to even in the default mode
  return std::abs(nearest) > f::largest ? std::copysign(beyond, value) : nearest;
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

template <class T>
bool right(float x) {
  for (const auto mode : {bl::overflow::special, bl::overflow::saturate})
    if (!same(static_cast<double>(static_cast<float>(T(x, mode))), rounded<T>(x, mode))) return false;
  return true;
}

}  // namespace

TEST_CASE_TEMPLATE("every upper half of a float with lower halves at each rounding boundary", T, bl::f16,
                   bl::bf16, bl::fp8_e4m3, bl::fp8_e5m2) {
  REQUIRE(std::fegetround() == FE_TONEAREST);
  // Around none, half and all of the 13 or 16 lower bits that narrowing drops, and between.
  constexpr std::uint32_t lower[] = {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2fff, 0x3000,
                                     0x3001, 0x5555, 0x7fff, 0x8000, 0x8001, 0xefff, 0xf000, 0xf001, 0xffff};
  for (std::uint32_t upper = 0; upper < 65536; ++upper)
    for (const std::uint32_t low : lower) {
      const auto x = bl::bit_cast<float>(upper << 16 | low);
      if (right<T>(x)) continue;
      CAPTURE(upper);
      CAPTURE(low);
      REQUIRE(right<T>(x));
    }
}

TEST_CASE_TEMPLATE("the middle of two neighbours and the floats beside it, of either sign", T, bl::f16,
                   bl::bf16, bl::fp8_e4m3, bl::fp8_e5m2) {
  constexpr unsigned positive = 1u << (8 * sizeof(T) - 1);
  for (unsigned code = 0; code + 1 < positive; ++code) {
    const auto low = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(code)));
    const auto high = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(code + 1)));
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const auto middle = static_cast<float>((static_cast<double>(low) + static_cast<double>(high)) / 2);
    CAPTURE(code);
    for (const float x : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, INFINITY)}) {
      REQUIRE(right<T>(x));
      REQUIRE(right<T>(-x));
    }
  }
  // The first number that overflows: half a step beyond the largest.
  const double largest = format<T>::largest;
  const double step = std::ldexp(1.0, std::ilogb(largest) - format<T>::mantissa_bits);
  const auto edge = static_cast<float>(largest + step / 2);
  for (const float x : {edge, std::nextafter(edge, 0.0f), std::nextafter(edge, INFINITY)}) {
    CHECK(right<T>(x));
    CHECK(right<T>(-x));
  }
}

TEST_CASE_TEMPLATE("a NaN of any payload stays NaN of its sign", T, bl::f16, bl::bf16, bl::fp8_e4m3,
                   bl::fp8_e5m2) {
  for (std::uint32_t bit = 0; bit < 23; ++bit)
    for (const std::uint32_t sign : {0u, 0x80000000u})
      for (const auto mode : {bl::overflow::special, bl::overflow::saturate}) {
        const auto found = static_cast<float>(T(bl::bit_cast<float>(sign | 0x7f800000u | 1u << bit), mode));
        CHECK(std::isnan(found));
        CHECK(std::signbit(found) == (sign != 0));
      }
}
