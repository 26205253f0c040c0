// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/unicode/character_class: what the patterns of tokenizers ask of a character. Which characters are
// letters changes with Unicode's version, and with them how a text is split: the tables are those of the
// references, tiktoken 0.14 and tokenizers 0.23, which are of Unicode 16.0.

#include <cstdint>

#include "byteloom/core/config.hpp"
#include "byteloom/tokenize/unicode/classes_16.hpp"

namespace byteloom::inline v0::unicode {

/// Unicode's general categories as far as patterns tell them apart, and white space.
enum class character_class : std::uint8_t {
  other,     ///< punctuation, symbols, controls, what is not assigned, and bytes that are no characters
  upper,     ///< Lu
  lower,     ///< Ll
  title,     ///< Lt
  modifier,  ///< Lm
  letter,    ///< Lo: letters of scripts without cases
  mark,      ///< M
  number,    ///< N
  space,     ///< the property White_Space
};

/// A set of classes, a bit each.
struct class_set {
  std::uint32_t bits;

  constexpr bool has(character_class one) const { return (bits >> static_cast<int>(one) & 1u) != 0; }
  constexpr class_set operator|(class_set other) const { return {bits | other.bits}; }
};

template <class... Classes>
constexpr class_set set_of(Classes... classes) {
  class_set result{0};  // nvcc loses the braces of a fold that is returned in them
  ((result.bits |= 1u << static_cast<int>(classes)), ...);
  return result;
}

inline constexpr class_set letters =
    set_of(character_class::upper, character_class::lower, character_class::title, character_class::modifier,
           character_class::letter);
inline constexpr class_set marks = set_of(character_class::mark);
inline constexpr class_set numbers = set_of(character_class::number);
inline constexpr class_set spaces = set_of(character_class::space);

namespace detail {

constexpr character_class look_up(std::uint32_t code) {
  const std::uint32_t of = code / 128;
  const auto block = static_cast<std::uint32_t>(block_of_16[of / 8] >> (of % 8 * 8) & 0xff);
  const std::uint64_t word = classes_16[block * 8 + code % 128 / 16];
  return static_cast<character_class>(word >> (code % 16 * 4) & 15);
}

/// ASCII, which most texts are, unpacked.
struct ascii_classes {
  character_class of[128];
};
inline constexpr ascii_classes ascii = [] {
  ascii_classes result{};
  for (std::uint32_t code = 0; code < 128; ++code) result.of[code] = look_up(code);
  return result;
}();

}  // namespace detail

/// The class of a code point; `other` for numbers beyond U+10FFFF.
constexpr character_class class_of(std::uint32_t code) {
  if (code < 128) return detail::ascii.of[code];
  return code > 0x10ffff ? character_class::other : detail::look_up(code);
}

}  // namespace byteloom::inline v0::unicode
