// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/detail/printable: text from a file made fit for a message. A hostile file may hold a name of megabytes
// or one that moves a terminal's cursor.

#include <cstddef>
#include <string>
#include <string_view>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::detail {

/// `text` (UTF-8) with control characters as \xNN, cut after 120 bytes; "(empty)" where there is none.
inline std::string printable(std::string_view text) {
  constexpr std::size_t most = 120;
  constexpr std::string_view digits = "0123456789abcdef";
  if (text.empty()) return "(empty)";
  const bool cut = text.size() > most;
  if (cut) {
    std::size_t keep = most;
    while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xC0U) == 0x80U) --keep;  // whole characters
    text = text.substr(0, keep);
  }
  std::string result;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20U || code == 0x7FU) {
      result += "\\x";
      result += digits[code >> 4U];
      result += digits[code & 15U];
    } else {
      result += c;
    }
  }
  return cut ? result + "..." : result;
}

}  // namespace byteloom::inline v0::detail
