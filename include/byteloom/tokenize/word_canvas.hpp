// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/word_canvas: every word of a text fills a canvas of the same size, behind slots that a model
// gathers the word in, so that words are read and written in parallel.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0::tokenizer {

/// The word-pooled tokens of Learn Your Tokens (Thawani et al., arXiv 2310.11628) over bytes. A word is what
/// stands between two spaces, perhaps nothing. Its canvas is `slots` tokens 256, 257, ..., then its bytes,
/// each its own token, then token 0 up to `room` of them: 0 fills a canvas and so ends a word that is shorter
/// than it.
class word_canvas {
 public:
  static constexpr token padding = 0;

  /// Throws argument_error.
  explicit word_canvas(int slots = 4, int room = 12) : slots_(slots), room_(room) {
    if (slots < 1 || room < 1)
      throw argument_error("tokenizer::word_canvas: " + std::to_string(slots) + " slots and room for " +
                           std::to_string(room) + " bytes; give at least 1 of each.");
  }

  int slots() const { return slots_; }
  int room() const { return room_; }
  /// Tokens of one word.
  int size() const { return slots_ + room_; }
  /// Number of tokens.
  index vocabulary() const { return 256 + index{slots_}; }

  /// Tokens [word, size()] of a text. Throws argument_error where a word is longer than its room or holds the
  /// byte 0.
  std::vector<token> encode(std::string_view text) const {
    std::vector<token> result;
    for (std::size_t at = 0; at <= text.size();) {
      const std::string_view word = text.substr(at, text.find(' ', at) - at);
      if (word.size() > static_cast<std::size_t>(room_))
        throw argument_error("tokenizer::word_canvas: the word at byte " + std::to_string(at) + " has " +
                             std::to_string(word.size()) + " bytes, and its canvas room for " +
                             std::to_string(room_) + "; cut it, or give more room.");
      if (word.find('\0') != std::string_view::npos)
        throw argument_error("tokenizer::word_canvas: the word at byte " + std::to_string(at) +
                             " holds the byte 0, which ends words; remove it.");
      for (int slot = 0; slot < slots_; ++slot) result.push_back(256 + slot);
      for (const char byte : word) result.push_back(static_cast<std::uint8_t>(byte));
      result.resize(result.size() + static_cast<std::size_t>(room_) - word.size(), padding);
      at += word.size() + 1;
    }
    return result;
  }

  /// The text of canvases: their words up to the first padding, with spaces between. What stands in slots
  /// does not count. Throws argument_error where tokens fill no canvases or are none of bytes.
  std::string decode(std::span<const token> tokens) const {
    const auto canvas = static_cast<std::size_t>(size());
    if (tokens.size() % canvas != 0)
      throw argument_error("tokenizer::word_canvas: " + std::to_string(tokens.size()) +
                           " tokens do not fill canvases of " + std::to_string(size()) + ".");
    std::string result;
    for (std::size_t first = 0; first < tokens.size(); first += canvas) {
      if (first > 0) result += ' ';
      for (std::size_t i = first + static_cast<std::size_t>(slots_); i < first + canvas; ++i) {
        if (tokens[i] == padding) break;
        if (tokens[i] < 0 || tokens[i] > 255)
          throw argument_error("tokenizer::word_canvas: token " + std::to_string(tokens[i]) + " at place " +
                               std::to_string(i) + " is no byte.");
        result += static_cast<char>(static_cast<std::uint8_t>(tokens[i]));
      }
    }
    return result;
  }

 private:
  int slots_;
  int room_;
};

}  // namespace byteloom::inline v0::tokenizer
