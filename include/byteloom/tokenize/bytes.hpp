// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/bytes: every byte is a token, 0 to 255; named special tokens follow from 256 on. There is nothing
// to learn and nothing that cannot be said: any bytes, NUL and invalid UTF-8 included, come back as they went
// in.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/tokenize/specials.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {

namespace tokenizer {

class bytes {
 public:
  bytes() = default;

  /// Special tokens 256, 257, ... in this order. Throws argument_error for an empty or repeated name.
  explicit bytes(const std::vector<std::string>& specials)
      : specials_("tokenizer::bytes", numbered(specials)) {}

  /// The token of one byte; what kernels call.
  BYTELOOM_HD static constexpr token id(std::uint8_t byte) { return byte; }

  /// Number of tokens.
  index vocabulary() const { return 256 + static_cast<index>(specials_.all().size()); }

  /// The token of a special's name. Throws argument_error where there is none.
  token special(std::string_view name) const { return specials_.of(name); }

  /// Tokens of a text. Of several specials that begin at one byte, the longest counts. Throws argument_error
  /// where specials are refused and the text contains one.
  std::vector<token> encode(std::string_view text,
                            specials_in_text specials = specials_in_text::as_bytes) const {
    std::vector<token> result;
    result.reserve(text.size());
    specials_.each(
        text, specials,
        [&](std::string_view part) {
          for (const char byte : part) result.push_back(id(static_cast<std::uint8_t>(byte)));
        },
        [&](token name) { result.push_back(name); });
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
        result += specials_.with(tokens[i])->name;
      }
    }
    return result;
  }

 private:
  static std::vector<special_token> numbered(const std::vector<std::string>& names) {
    std::vector<special_token> result;
    for (const std::string& name : names) result.push_back({name, static_cast<token>(256 + result.size())});
    return result;
  }

  special_tokens specials_;
};

}  // namespace tokenizer
}  // namespace byteloom::inline v0
