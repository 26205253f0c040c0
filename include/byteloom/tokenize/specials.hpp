// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/specials: special tokens, which stand for no bytes of a text but have names that a text may hold.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {

/// What encode does with the name of a special token inside a text: take it as ordinary bytes, take it as the
/// token, or refuse the text.
enum class specials_in_text { as_bytes, as_tokens, refused };

/// What decode does with special tokens: leave them out, or write their names.
enum class specials_in_tokens { left_out, by_name };

namespace tokenizer {

struct special_token {
  std::string name;
  token id;
};

/// The special tokens of a tokenizer, which `owner` names in messages.
class special_tokens {
 public:
  special_tokens() = default;

  /// Throws argument_error for an empty or a repeated name, and for a token that two have.
  special_tokens(std::string owner, std::vector<special_token> all)
      : owner_(std::move(owner)), all_(std::move(all)) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].name.empty())
        throw argument_error(owner_ + ": special token " + std::to_string(i) + " has no name; give it one.");
      for (std::size_t j = 0; j < i; ++j) {
        if (all_[i].name == all_[j].name)
          throw argument_error(owner_ + ": the special token '" + all_[i].name + "' is named twice.");
        if (all_[i].id == all_[j].id)
          throw argument_error(owner_ + ": the special tokens '" + all_[j].name + "' and '" + all_[i].name +
                               "' are both token " + std::to_string(all_[i].id) + ".");
      }
    }
  }

  const std::vector<special_token>& all() const { return all_; }

  /// The token of a name. Throws argument_error where there is none.
  token of(std::string_view name) const {
    for (const special_token& one : all_)
      if (one.name == name) return one.id;
    throw argument_error(owner_ + ": there is no special token '" + std::string(name) + "'.");
  }

  /// The special token with this number, or null.
  const special_token* with(token id) const {
    for (const special_token& one : all_)
      if (one.id == id) return &one;
    return nullptr;
  }

  /// Calls text_part(string_view) and token_of_name(token) for what a text holds, in order. Of several names
  /// that begin at one byte the longest counts. Throws argument_error where names are refused and there is
  /// one.
  template <class TextPart, class Token>
  void each(std::string_view text, specials_in_text mode, const TextPart& text_part,
            const Token& token_of_name) const {
    if (mode == specials_in_text::as_bytes || all_.empty()) {
      if (!text.empty()) text_part(text);
      return;
    }
    // Where each name is next, so that the text is searched once for each, not once for each it holds.
    std::vector<std::size_t> next(all_.size());
    for (std::size_t i = 0; i < all_.size(); ++i) next[i] = text.find(all_[i].name);
    for (std::size_t at = 0;;) {
      std::size_t which = all_.size();
      for (std::size_t i = 0; i < all_.size(); ++i) {
        if (next[i] != std::string_view::npos && next[i] < at) next[i] = text.find(all_[i].name, at);
        if (next[i] == std::string_view::npos) continue;
        if (which == all_.size() || next[i] < next[which] ||
            (next[i] == next[which] && all_[i].name.size() > all_[which].name.size()))
          which = i;
      }
      const bool ends = which == all_.size();  // no name follows
      const std::size_t end = ends ? text.size() : next[which];
      if (!ends && mode == specials_in_text::refused)
        throw argument_error(owner_ + ": the text contains the special token '" + all_[which].name +
                             "' at byte " + std::to_string(end) +
                             "; remove it, or allow special tokens in the text.");
      if (end > at) text_part(text.substr(at, end - at));
      if (ends) return;
      token_of_name(all_[which].id);
      at = end + all_[which].name.size();
    }
  }

 private:
  std::string owner_;
  std::vector<special_token> all_;
};

}  // namespace tokenizer
}  // namespace byteloom::inline v0
