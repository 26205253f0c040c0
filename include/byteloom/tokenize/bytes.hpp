// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/bytes: every byte is a token, 0 to 255; named special tokens follow from 256 on. There is nothing
// to learn and nothing that cannot be said: any bytes, NUL and invalid UTF-8 included, come back as they went
// in.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {

/// What encode does with the name of a special token inside a text: take it as ordinary bytes, take it as the
/// token, or refuse the text.
enum class specials_in_text { as_bytes, as_tokens, refused };

/// What decode does with special tokens: leave them out, or write their names.
enum class specials_in_tokens { left_out, by_name };

namespace tokenizer {

class bytes {
 public:
  bytes() = default;

  /// Special tokens 256, 257, ... in this order. Throws argument_error for an empty or repeated name.
  explicit bytes(std::vector<std::string> specials) : specials_(std::move(specials)) {
    for (std::size_t i = 0; i < specials_.size(); ++i) {
      if (specials_[i].empty())
        throw argument_error("tokenizer::bytes: special token " + std::to_string(i) +
                             " has no name; give it one.");
      if (std::find(specials_.begin(), specials_.begin() + static_cast<std::ptrdiff_t>(i), specials_[i]) !=
          specials_.begin() + static_cast<std::ptrdiff_t>(i))
        throw argument_error("tokenizer::bytes: the special token '" + specials_[i] + "' is named twice.");
    }
  }

  /// The token of one byte; what kernels call.
  BYTELOOM_HD static constexpr token id(std::uint8_t byte) { return byte; }

  /// Number of tokens.
  index vocabulary() const { return 256 + static_cast<index>(specials_.size()); }

  /// The token of a special's name. Throws argument_error where there is none.
  token special(std::string_view name) const {
    const auto at = std::find(specials_.begin(), specials_.end(), name);
    if (at == specials_.end())
      throw argument_error("tokenizer::bytes: there is no special token '" + std::string(name) + "'.");
    return static_cast<token>(256 + (at - specials_.begin()));
  }

  /// Tokens of a text. Of several specials that begin at one byte, the longest counts. Throws argument_error
  /// where specials are refused and the text contains one.
  std::vector<token> encode(std::string_view text,
                            specials_in_text specials = specials_in_text::as_bytes) const {
    std::vector<token> result;
    result.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t which =
          specials == specials_in_text::as_bytes ? specials_.size() : special_at(text.substr(at));
      if (which == specials_.size()) {
        result.push_back(id(static_cast<std::uint8_t>(text[at++])));
        continue;
      }
      if (specials == specials_in_text::refused)
        throw argument_error("tokenizer::bytes: the text contains the special token '" + specials_[which] +
                             "' at byte " + std::to_string(at) +
                             "; remove it, or allow special tokens in the text.");
      result.push_back(static_cast<token>(256 + which));
      at += specials_[which].size();
    }
    return result;
  }

  /// The bytes of tokens. Throws argument_error for a token outside the vocabulary.
  std::string decode(std::span<const token> tokens,
                     specials_in_tokens specials = specials_in_tokens::left_out) const {
    std::string result;
    result.reserve(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0 || tokens[i] >= vocabulary())
        throw argument_error("tokenizer::bytes: token " + std::to_string(tokens[i]) + " at place " +
                             std::to_string(i) + " is outside the vocabulary of " +
                             std::to_string(vocabulary()) + ".");
      if (tokens[i] < 256) {
        result += static_cast<char>(static_cast<std::uint8_t>(tokens[i]));
      } else if (specials == specials_in_tokens::by_name) {
        result += specials_[static_cast<std::size_t>(tokens[i]) - 256];
      }
    }
    return result;
  }

 private:
  /// The longest special that `text` begins with, or specials_.size().
  std::size_t special_at(std::string_view text) const {
    std::size_t found = specials_.size();
    for (std::size_t i = 0; i < specials_.size(); ++i)
      if (text.starts_with(specials_[i]) &&
          (found == specials_.size() || specials_[i].size() > specials_[found].size()))
        found = i;
    return found;
  }

  std::vector<std::string> specials_;
};

}  // namespace tokenizer
}  // namespace byteloom::inline v0
