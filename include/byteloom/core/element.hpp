// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/element: the element types that tensors and files hold, as run-time names. The types themselves are in
// core/f16.hpp, core/bf16.hpp and core/fp8.hpp; what is packed below a byte (int4 codes) is a format, see
// quantize/.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/core/fp8.hpp"

namespace byteloom::inline v0 {

enum class element : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  fp8_e4m3,
  fp8_e5m2,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};

/// Bytes of one element.
constexpr std::size_t size_of(element e) {
  switch (e) {
    case element::f64:
    case element::i64:
    case element::u64:
      return 8;
    case element::f32:
    case element::i32:
    case element::u32:
      return 4;
    case element::f16:
    case element::bf16:
    case element::i16:
    case element::u16:
      return 2;
    default:
      return 1;
  }
}

/// The name in messages: "bf16", "fp8_e4m3", ...
constexpr std::string_view name_of(element e) {
  constexpr std::string_view names[] = {"f64", "f32", "f16", "bf16", "fp8_e4m3", "fp8_e5m2", "i64",    "i32",
                                        "i16", "i8",  "u64", "u32",  "u16",      "u8",       "boolean"};
  return names[static_cast<std::size_t>(e)];
}

namespace detail {
template <class T>
struct element_of_type;
#define BYTELOOM_ELEMENT(type, name)                \
  template <>                                       \
  struct element_of_type<type> {                    \
    static constexpr element value = element::name; \
  };
BYTELOOM_ELEMENT(double, f64)
BYTELOOM_ELEMENT(float, f32)
BYTELOOM_ELEMENT(byteloom::f16, f16)
BYTELOOM_ELEMENT(byteloom::bf16, bf16)
BYTELOOM_ELEMENT(byteloom::fp8_e4m3, fp8_e4m3)
BYTELOOM_ELEMENT(byteloom::fp8_e5m2, fp8_e5m2)
BYTELOOM_ELEMENT(std::int64_t, i64)
BYTELOOM_ELEMENT(std::int32_t, i32)
BYTELOOM_ELEMENT(std::int16_t, i16)
BYTELOOM_ELEMENT(std::int8_t, i8)
BYTELOOM_ELEMENT(std::uint64_t, u64)
BYTELOOM_ELEMENT(std::uint32_t, u32)
BYTELOOM_ELEMENT(std::uint16_t, u16)
BYTELOOM_ELEMENT(std::uint8_t, u8)
BYTELOOM_ELEMENT(bool, boolean)
#undef BYTELOOM_ELEMENT
}  // namespace detail

/// The element that a C++ type stores, where it is one.
template <class T>
concept element_type = requires {
  detail::element_of_type<T>::value;
};

template <element_type T>
inline constexpr element element_of = detail::element_of_type<T>::value;

}  // namespace byteloom::inline v0
