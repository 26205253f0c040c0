// SPDX-License-Identifier: Apache-2.0
#pragma once

// Texts for the tests of tokenizers.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace test {

/// The bytes of a code point that is no surrogate.
inline std::string utf8_of(std::uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

/// A text of so many runs, each of a few characters of one kind, among them those that patterns treat apart;
/// with `any_bytes` also bytes that are no characters.
inline std::string random_text(std::mt19937_64& draw, int runs, bool any_bytes) {
  static const std::vector<std::string> kinds[] = {
      {"a", "b", "X", "Y"},
      {"'", "s", "S", "t", "re", "LL", "ve", "d", "m", "\u017f"},
      {" ", "\t", "\n", "\r", "\u00a0", "\u3000"},
      {"0", "7", "\u0663", "\u2167"},
      {".", ",", "!", "/", "#", "-"},
      {"\u0301", "\u0903"},
      {"\u01c5", "\u02b0", "\u00aa", "\u6f22", "\u306a", "\u0436", "\u0416"},
      {"\u200d", "\U0001f600", std::string(1, '\0'), "\u007f"}};
  std::string result;
  for (int run = 0; run < runs; ++run) {
    const auto kind = draw() % (any_bytes ? 9 : 8);
    for (auto count = draw() % 4 + 1; count > 0; --count)
      result += kind == 8 ? std::string(1, static_cast<char>(draw() % 256))
                          : kinds[kind][draw() % kinds[kind].size()];
  }
  return result;
}

}  // namespace test
