// SPDX-License-Identifier: Apache-2.0
#pragma once

// sample/utf8: bytes as they are drawn become text that can be shown at once: a character is held back until
// its last byte has come. Bytes that belong to no character become U+FFFD, one for each maximal part that
// could have begun one (the Unicode Standard 15.0, section 3.9, "U+FFFD Substitution of Maximal Subparts"),
// or pass as they are.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "byteloom/core/config.hpp"
#include "byteloom/tokenize/unicode/utf8.hpp"

namespace byteloom::inline v0 {

enum class invalid_bytes { replace, keep };

class utf8_stream {
 public:
  explicit utf8_stream(invalid_bytes invalid = invalid_bytes::replace) : invalid_(invalid) {}

  /// Takes bytes and gives what can be shown now.
  std::string push(std::string_view bytes) {
    std::string shown;
    for (const char c : bytes) take(static_cast<std::uint8_t>(c), shown);
    return shown;
  }

  /// No more bytes come: what was held back is not going to be a character.
  std::string flush() {
    std::string shown;
    if (!held_.empty()) refuse(shown);
    return shown;
  }

 private:
  void take(std::uint8_t byte, std::string& shown) {
    if (!held_.empty()) {
      if (byte >= low_ && byte <= high_) {
        held_ += static_cast<char>(byte);
        low_ = 0x80;
        high_ = 0xbf;
        if (held_.size() == length_) {
          shown += held_;
          held_.clear();
        }
        return;
      }
      refuse(shown);
    }
    begin(byte, shown);
  }

  void begin(std::uint8_t byte, std::string& shown) {
    const unicode::first_byte first = unicode::read_first_byte(byte);
    low_ = first.low;
    high_ = first.high;
    length_ = static_cast<std::size_t>(first.length);
    held_ = static_cast<char>(byte);
    if (length_ == 0) {
      refuse(shown);
    } else if (length_ == 1) {
      shown += held_;
      held_.clear();
    }
  }

  void refuse(std::string& shown) {
    shown += invalid_ == invalid_bytes::replace ? std::string("\xef\xbf\xbd") : held_;
    held_.clear();
  }

  invalid_bytes invalid_;
  std::string held_;
  std::size_t length_ = 0;
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xbf;
};

}  // namespace byteloom::inline v0
