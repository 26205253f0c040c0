// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/pattern/patterns: the patterns of published tokenizers. A user's own is any type with a static
// end_of_piece(text, begin), which says where the piece that begins at a byte of the text ends, behind it.

#include <concepts>
#include <cstddef>
#include <string_view>
#include <vector>

#include "byteloom/tokenize/pattern/grammar.hpp"

namespace byteloom::inline v0::tokenizer::pattern {

template <class Pattern>
concept cuts_pieces = requires(std::string_view text, std::size_t begin) {
  { Pattern::end_of_piece(text, begin) } -> std::same_as<std::size_t>;
};

/// The grammar with its knobs set.
template <knobs Knobs>
struct of_grammar {
  static constexpr std::size_t end_of_piece(std::string_view text, std::size_t begin) {
    return pattern::end_of_piece<Knobs>(text, begin);
  }
};

/// GPT-2, r50k and p50k of tiktoken, ModernBERT.
using gpt2 = of_grammar<knobs{contractions::lower, in_front_of_words::space, words_of::letters, 0,
                              behind_punctuation::nothing, line_ends::are_nothing}>;
/// GPT-3.5 and GPT-4.
using cl100k = of_grammar<knobs{contractions::any_case, in_front_of_words::any, words_of::letters, 3,
                                behind_punctuation::line_ends, line_ends::end_pieces_but_at_the_end}>;
/// GPT-4o and gpt-oss.
using o200k = of_grammar<knobs{contractions::as_suffix, in_front_of_words::any, words_of::cases, 3,
                               behind_punctuation::line_ends_and_slashes, line_ends::end_pieces}>;
/// Llama 3.
using llama3 = of_grammar<knobs{contractions::any_case, in_front_of_words::any, words_of::letters, 3,
                                behind_punctuation::line_ends, line_ends::end_pieces}>;
/// Qwen 2, 2.5 and 3.
using qwen2 = of_grammar<knobs{contractions::any_case, in_front_of_words::any, words_of::letters, 1,
                               behind_punctuation::line_ends, line_ends::end_pieces}>;
/// Qwen 3.5.
using qwen35 = of_grammar<knobs{contractions::any_case, in_front_of_words::any, words_of::letters_and_marks,
                                1, behind_punctuation::line_ends, line_ends::end_pieces}>;
/// The whole text is one piece: models of any bytes, such as programs.
struct whole {
  static constexpr std::size_t end_of_piece(std::string_view text, std::size_t) { return text.size(); }
};

/// Where each piece ends.
template <cuts_pieces Pattern>
std::vector<std::size_t> ends_of_pieces(std::string_view text) {
  std::vector<std::size_t> result;
  for (std::size_t at = 0; at < text.size();) result.push_back(at = Pattern::end_of_piece(text, at));
  return result;
}

}  // namespace byteloom::inline v0::tokenizer::pattern
