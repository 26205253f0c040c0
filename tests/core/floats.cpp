// SPDX-License-Identifier: Apache-2.0

// f16, bf16 and both fp8 formats: every bit pattern widened and back, and every rounding decision between
// neighbours.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "byteloom/core/element.hpp"

namespace bl = byteloom;

namespace {

template <class T>
constexpr unsigned patterns = 1u << (8 * sizeof(T));

template <class T>
T pattern(unsigned code) {
  return T::from_bits(static_cast<decltype(T::bits)>(code));
}

/// The value of a code straight from the formats' definition, in double.
template <class T>
double defined(unsigned code) {
  using codec = typename T::codec;
  constexpr int exponent_bits = std::is_same_v<T, bl::bf16> ? 8 : std::is_same_v<T, bl::fp8_e4m3> ? 4 : 5;
  constexpr int mantissa_bits = codec::bits - 1 - exponent_bits;
  constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (code >> (codec::bits - 1)) != 0 ? -1.0 : 1.0;
  const int exponent = static_cast<int>((code >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const int mantissa = static_cast<int>(code & ((1u << mantissa_bits) - 1));
  constexpr bool one_nan = std::is_same_v<T, bl::fp8_e4m3>;
  if (exponent == (1 << exponent_bits) - 1 && (!one_nan || mantissa == (1 << mantissa_bits) - 1)) {
    if (one_nan || mantissa != 0) return std::numeric_limits<double>::quiet_NaN();
    return sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

template <class T>
unsigned largest_code() {
  unsigned code = 0;
  for (unsigned c = 0; c < patterns<T> / 2; ++c)
    if (std::isfinite(defined<T>(c))) code = c;
  return code;
}

}  // namespace

TEST_CASE_TEMPLATE("every pattern widens to its definition and narrows back", T, bl::f16, bl::bf16,
                   bl::fp8_e4m3, bl::fp8_e5m2) {
  for (unsigned code = 0; code < patterns<T>; ++code) {
    const float wide = static_cast<float>(pattern<T>(code));
    const double wanted = defined<T>(code);
    CAPTURE(code);
    if (std::isnan(wanted)) {
      REQUIRE(std::isnan(wide));
      REQUIRE(std::isnan(static_cast<float>(T(wide))));
      continue;
    }
    REQUIRE(static_cast<double>(wide) == wanted);
    REQUIRE(std::signbit(wide) == std::signbit(wanted));
    if (std::isinf(wanted)) {
      REQUIRE(T(wide, bl::overflow::special).bits == code);
    } else {
      REQUIRE(T(wide).bits == code);
    }
  }
}

TEST_CASE_TEMPLATE("between neighbours the nearest wins, and the even one in the middle", T, bl::f16,
                   bl::bf16, bl::fp8_e4m3, bl::fp8_e5m2) {
  const unsigned sign = patterns<T> / 2;
  const unsigned last = largest_code<T>();
  for (unsigned code = 0; code < last; ++code) {
    const float low = static_cast<float>(pattern<T>(code));
    const float high = static_cast<float>(pattern<T>(code + 1));
    const auto middle = static_cast<float>((static_cast<double>(low) + static_cast<double>(high)) / 2);
    CAPTURE(code);
    for (const auto mode : {bl::overflow::special, bl::overflow::saturate}) {
      REQUIRE(T(middle, mode).bits == (code % 2 == 0 ? code : code + 1));
      REQUIRE(T(std::nextafter(middle, 0.0f), mode).bits == code);
      REQUIRE(T(std::nextafter(middle, INFINITY), mode).bits == code + 1);
      REQUIRE(T(-middle, mode).bits == sign + (code % 2 == 0 ? code : code + 1));
    }
  }
}

TEST_CASE_TEMPLATE("beyond the largest number: special or saturated", T, bl::f16, bl::bf16, bl::fp8_e4m3,
                   bl::fp8_e5m2) {
  const unsigned last = largest_code<T>();
  const float largest = static_cast<float>(pattern<T>(last));
  const float step = largest - static_cast<float>(pattern<T>(last - 1));
  const unsigned beyond =
      std::is_same_v<T, bl::fp8_e4m3> ? 0x7fu : last + 1;  // NaN where there is no infinity
  for (const float x :
       {INFINITY, std::numeric_limits<float>::max(), std::nextafter(largest + step / 2, INFINITY)}) {
    if (std::is_same_v<T, bl::bf16> && std::isfinite(x) && x < std::numeric_limits<float>::max()) continue;
    CHECK(T(x, bl::overflow::saturate).bits == last);
    CHECK(T(x, bl::overflow::special).bits == beyond);
    CHECK(T(-x, bl::overflow::saturate).bits == last + patterns<T> / 2);
  }
  CHECK(T(std::nextafter(largest + step / 2, 0.0f), bl::overflow::special).bits == last);
  for (const auto mode : {bl::overflow::special, bl::overflow::saturate})
    CHECK(std::isnan(static_cast<float>(T(std::numeric_limits<float>::quiet_NaN(), mode))));
}

TEST_CASE("conversions are constant expressions") {
  static_assert(static_cast<float>(bl::f16(1.5f)) == 1.5f);
  static_assert(static_cast<float>(bl::bf16(-2.0f)) == -2.0f);
  static_assert(static_cast<float>(bl::fp8_e4m3(1000.0f)) == 448.0f);
  static_assert(static_cast<float>(bl::fp8_e5m2(1e9f)) == 57344.0f);
  static_assert(sizeof(bl::f16) == 2 && sizeof(bl::fp8_e4m3) == 1);
  static_assert(bl::element_of<bl::bf16> == bl::element::bf16 && bl::size_of(bl::element::f64) == 8);
  static_assert(bl::name_of(bl::element::fp8_e5m2) == "fp8_e5m2" &&
                bl::name_of(bl::element::boolean) == "boolean");
  static_assert(!bl::element_type<char*>);
}
