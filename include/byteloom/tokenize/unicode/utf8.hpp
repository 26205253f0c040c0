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

constexpr character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0u;
  };
  if (at >= text.size()) return {character::invalid, 0};
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::uint32_t second = byte(at + 1);
  // The first byte says what may come second; that keeps out what is too long, surrogates, and what is beyond
  // U+10FFFF.
  const std::uint32_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const std::uint32_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (first < 0xc2 || first > 0xf4 || second < low || second > high) return {character::invalid, 1};
  std::uint32_t code = first < 0xe0 ? first & 0x1f : first < 0xf0 ? first & 0x0f : first & 0x07;
  code = code << 6 | (second & 0x3f);
  const int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (int i = 2; i < length; ++i) {
    const std::uint32_t next = byte(at + static_cast<std::size_t>(i));
    if (next < 0x80 || next > 0xbf) return {character::invalid, 1};
    code = code << 6 | (next & 0x3f);
  }
  return {code, length};
}

}  // namespace byteloom::inline v0::unicode
