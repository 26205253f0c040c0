// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/words: a text is cut in words that keep all its bytes, for models that read the bytes of a word
// together: group::pooled and group::segments (attend/group/segments.hpp) take the offsets.

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::tokenizer {

namespace detail {

inline bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/// ASCII letters and digits, and whatever is not ASCII.
inline bool is_of_word(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         static_cast<unsigned char>(byte) >= 128;
}

}  // namespace detail

/// Where each word begins, and the text's length behind: word w is the bytes offsets[w] to offsets[w + 1] -
/// 1, and no byte is left out. A word is a run of ASCII letters, digits and bytes beyond ASCII, or one other
/// byte, each with the white space in front of it; white space at the end is a word. Longer ones than
/// `longest` bytes are cut there, even inside a character. Throws argument_error.
inline std::vector<int> word_offsets(std::string_view text, int longest) {
  if (longest < 1)
    throw argument_error("tokenizer::word_offsets: words of at most " + std::to_string(longest) +
                         " bytes hold no text; give at least 1.");
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw argument_error("tokenizer::word_offsets: a text of " + std::to_string(text.size()) +
                         " bytes, whose offsets are ints; cut it before.");
  std::vector<int> result{0};
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && detail::is_space(text[end])) ++end;
    if (end < text.size() && !detail::is_of_word(text[end])) {
      ++end;
    } else {
      while (end < text.size() && detail::is_of_word(text[end])) ++end;
    }
    at = end - at > static_cast<std::size_t>(longest) ? at + static_cast<std::size_t>(longest) : end;
    result.push_back(static_cast<int>(at));
  }
  return result;
}

}  // namespace byteloom::inline v0::tokenizer
