// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/bpe: a text is cut in pieces by a pattern, and the bytes of each piece are merged to tokens by
// rank, as tiktoken does. Any bytes come back as they went in, invalid UTF-8 and NUL included.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/tokenize/merges.hpp"
#include "byteloom/tokenize/pattern/patterns.hpp"
#include "byteloom/tokenize/specials.hpp"
#include "byteloom/tokenize/token.hpp"
#include "byteloom/tokenize/vocabulary.hpp"

namespace byteloom::inline v0::tokenizer {

/// `bpe<pattern::cl100k>` and its like: a token's number is its rank. Special tokens have numbers beyond
/// those. Immutable: threads share it.
template <class Pattern>
class bpe {
  static_assert(pattern::cuts_pieces<Pattern>,
                "byteloom: the pattern of tokenizer::bpe says where pieces end, 'static std::size_t "
                "end_of_piece(std::string_view text, std::size_t begin)'; choose one of "
                "tokenizer::pattern, or write it.");

 public:
  /// Throws argument_error where the vocabulary lacks a byte, or a special token has the number of another
  /// token.
  explicit bpe(tokenizer::vocabulary tokens, std::vector<special_token> specials = {})
      : merges_(std::move(tokens)), specials_("tokenizer::bpe", std::move(specials)) {
    for (const special_token& one : specials_.all())
      if (one.id < merges_.tokens().size())
        throw argument_error("tokenizer::bpe: the special token '" + one.name + "' has number " +
                             std::to_string(one.id) + ", which is a token of bytes; give it one from " +
                             std::to_string(merges_.tokens().size()) + " on.");
  }

  /// Rows that a table of embeddings needs: one more than the largest number.
  index vocabulary() const {
    index result = merges_.tokens().size();
    for (const special_token& one : specials_.all())
      if (one.id >= result) result = index{one.id} + 1;
    return result;
  }

  /// The token of a special's name. Throws argument_error where there is none.
  token special(std::string_view name) const { return specials_.of(name); }

  /// Tokens of a text. Throws argument_error where specials are refused and the text contains one.
  std::vector<token> encode(std::string_view text,
                            specials_in_text specials = specials_in_text::as_bytes) const {
    std::vector<token> result;
    result.reserve(text.size() / 3);
    specials_.each(
        text, specials,
        [&](std::string_view part) {
          for (std::size_t at = 0; at < part.size();) {
            const std::size_t end = Pattern::end_of_piece(part, at);
            merges_.encode(part.substr(at, end - at), result);
            at = end;
          }
        },
        [&](token name) { result.push_back(name); });
    return result;
  }

  /// The bytes of tokens. Throws argument_error for a token outside the vocabulary.
  std::string decode(std::span<const token> tokens,
                     specials_in_tokens specials = specials_in_tokens::left_out) const {
    std::string result;
    result.reserve(tokens.size() * 4);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] >= 0 && tokens[i] < merges_.tokens().size()) {
        result += merges_.tokens().bytes(tokens[i]);
        continue;
      }
      const special_token* const name = specials_.with(tokens[i]);
      if (name == nullptr)
        throw argument_error("tokenizer::bpe: token " + std::to_string(tokens[i]) + " at place " +
                             std::to_string(i) + " is none of the vocabulary's, which end at " +
                             std::to_string(vocabulary() - 1) + ".");
      if (specials == specials_in_tokens::by_name) result += name->name;
    }
    return result;
  }

  const tokenizer::merges& merges() const { return merges_; }

 private:
  tokenizer::merges merges_;
  special_tokens specials_;
};

}  // namespace byteloom::inline v0::tokenizer
