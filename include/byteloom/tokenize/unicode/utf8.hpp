// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/unicode/utf8: characters of a text that may hold any bytes. A byte that belongs to no well-formed
// character (the Unicode Standard 16.0, table 3-7) stands for itself.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace byteloom::inline v0::unicode {

/// A character at some place of a text.
struct character {
  static constexpr std::uint32_t invalid = 0xffffffffu;

  std::uint32_t code;  ///< `invalid` for a byte that belongs to none
  int length;          ///< bytes; 0 behind the end of the text
};

/// What the first byte of a character says: how many bytes it has, 0 where the byte begins none, and what may
/// come second, which keeps out what is too long, surrogates, and what is beyond U+10FFFF.
struct first_byte {
  int length;
  std::uint8_t low, high;
};

constexpr first_byte read_first_byte(std::uint8_t byte) {
  const std::uint8_t low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
  const int length = byte < 0x80                    ? 1
                     : byte >= 0xc2 && byte <= 0xdf ? 2
                     : byte >= 0xe0 && byte <= 0xef ? 3
                     : byte >= 0xf0 && byte <= 0xf4 ? 4
                                                    : 0;
  return {length, low, high};
}

constexpr character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  if (at >= text.size()) return {character::invalid, 0};
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const auto [length, low, high] = read_first_byte(byte(at));
  const std::uint32_t second = byte(at + 1);
  if (length == 0 || second < low || second > high) return {character::invalid, 1};
  std::uint32_t code = first & (0x7fu >> length);
  code = code << 6 | (second & 0x3f);
  for (int i = 2; i < length; ++i) {
    const std::uint32_t next = byte(at + static_cast<std::size_t>(i));
    if (next < 0x80 || next > 0xbf) return {character::invalid, 1};
    code = code << 6 | (next & 0x3f);
  }
  return {code, length};
}

}  // namespace byteloom::inline v0::unicode
