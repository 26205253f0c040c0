// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/pattern/grammar: how a text is cut in pieces before its bytes are merged. The regular expressions
// of GPT-2 and its successors are one grammar with a few knobs; a type with the knobs says which. No engine
// of regular expressions runs, nothing is recursive, and each character is looked at a bounded number of
// times.
//
// A piece is the first of these that the text has at its place, each as long as it can be:
//
//   a contraction: an apostrophe with s, t, re, ve, m, ll or d
//   a word: letters, with a character in front of them
//   digits
//   punctuation: what is neither white space, letter nor number, with a space in front of it
//   white space; its last character is left to the next piece

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "byteloom/tokenize/unicode/character_class.hpp"
#include "byteloom/tokenize/unicode/utf8.hpp"

namespace byteloom::inline v0::tokenizer::pattern {

/// How the short forms of English words are taken: as pieces of their own, of lower case or of any, or as the
/// end of a word.
enum class contractions { lower, any_case, as_suffix };
/// What may stand in front of a word: a space, or one character that is no letter, number, CR or LF.
enum class in_front_of_words { space, any };
/// What a word is made of: letters; letters and marks; or some of upper case, then some of lower case, where
/// letters without case and marks are of both.
enum class words_of { letters, letters_and_marks, cases };
/// Behind punctuation: nothing, or line ends, or line ends and slashes.
enum class behind_punctuation { nothing, line_ends, line_ends_and_slashes };
/// Whether white space that holds line ends is a piece up to its last one; `but_at_the_end`: white space at
/// the end of the text is one piece all the same.
enum class line_ends { are_nothing, end_pieces, end_pieces_but_at_the_end };

struct knobs {
  contractions short_forms;
  in_front_of_words front;
  words_of words;
  int digits;  ///< the most of a piece; 0: any number, with a space in front of them
  behind_punctuation behind;
  line_ends lines;
};

namespace detail {

using unicode::character_class;
using unicode::class_set;

/// A place in a text, and what stands there.
struct cursor {
  std::string_view text;
  std::size_t at;
  unicode::character here{};
  character_class kind = character_class::other;

  constexpr cursor(std::string_view of, std::size_t place) : text(of), at(place) { look(); }
  constexpr void look() {
    here = unicode::character_at(text, at);
    kind = here.length == 0 ? character_class::other : unicode::class_of(here.code);
  }
  constexpr bool ended() const { return here.length == 0; }
  constexpr bool is(class_set set) const { return !ended() && set.has(kind); }
  constexpr bool is(char one) const { return !ended() && here.code == static_cast<unsigned char>(one); }
  constexpr bool is_line_end() const { return is('\r') || is('\n'); }
  constexpr void step() {
    at += static_cast<std::size_t>(here.length);
    look();
  }
  constexpr void skip(class_set set) {
    while (is(set)) step();
  }
};

/// Bytes of the contraction that `text` has at `at`, 0 where it has none. With any case also the long s,
/// which is an s to who asks for any case.
constexpr std::size_t contraction(std::string_view text, std::size_t at, bool any_case) {
  if (at >= text.size() || text[at] != '\'') return 0;
  const auto letter = [&](std::size_t place) {
    if (place >= text.size()) return '\0';
    const char c = text[place];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter(at + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (any_case && text.substr(at + 1).starts_with("\xc5\xbf")) return 3;
  const char second = letter(at + 2);
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return 3;
  return 0;
}

inline constexpr class_set of_no_case =
    unicode::set_of(character_class::modifier, character_class::letter, character_class::mark);
inline constexpr class_set of_upper =
    of_no_case | unicode::set_of(character_class::upper, character_class::title);
inline constexpr class_set of_lower = of_no_case | unicode::set_of(character_class::lower);

/// The end of a word of upper and then lower case that begins at a place, which is also its end where there
/// is none. `needs_lower`: it has one of lower case, or without case, at least.
constexpr std::size_t end_of_cases(std::string_view text, std::size_t begin, bool needs_lower) {
  cursor word(text, begin);
  std::size_t last_of_both = begin;  // the end of the last one without case
  while (word.is(of_upper)) {
    const bool both = of_no_case.has(word.kind);
    word.step();
    if (both) last_of_both = word.at;
  }
  if (!needs_lower && word.at == begin) return begin;
  if (!word.is(of_lower)) return needs_lower ? last_of_both : word.at;
  word.skip(of_lower);
  return word.at;
}

}  // namespace detail

/// Where the piece that begins at `begin` < text.size() ends.
template <knobs Knobs>
constexpr std::size_t end_of_piece(std::string_view text, std::size_t begin) {
  using namespace detail;
  constexpr class_set of_words =
      Knobs.words == words_of::letters ? unicode::letters : unicode::letters | unicode::marks;
  constexpr class_set no_punctuation =
      unicode::spaces | unicode::numbers |
      (Knobs.words == words_of::letters_and_marks ? of_words : unicode::letters);
  const cursor first(text, begin);

  if constexpr (Knobs.short_forms != contractions::as_suffix) {
    const std::size_t bytes = contraction(text, begin, Knobs.short_forms == contractions::any_case);
    if (bytes != 0) return begin + bytes;
  }

  const bool has_front = Knobs.front == in_front_of_words::space
                             ? first.is(' ')
                             : !first.is_line_end() && !first.is(unicode::letters | unicode::numbers);
  cursor behind_front = first;
  if (has_front) behind_front.step();
  if constexpr (Knobs.words == words_of::cases) {
    for (const bool needs_lower : {true, false})
      for (const bool with_front : {true, false}) {
        if (with_front && !has_front) continue;
        const std::size_t place = with_front ? behind_front.at : begin;
        const std::size_t end = end_of_cases(text, place, needs_lower);
        if (end == place) continue;
        return end + (Knobs.short_forms == contractions::as_suffix ? contraction(text, end, true) : 0);
      }
  } else {
    // A character in front that is of words itself (a mark) begins the word where nothing follows it.
    if (cursor word = behind_front; word.is(of_words)) {
      word.skip(of_words);
      return word.at;
    }
    if (cursor word = first; word.is(of_words)) {
      word.skip(of_words);
      return word.at;
    }
  }

  if constexpr (Knobs.digits == 0) {
    cursor digits = first;
    if (digits.is(' ')) digits.step();
    if (digits.is(unicode::numbers)) {
      digits.skip(unicode::numbers);
      return digits.at;
    }
  } else if (first.is(unicode::numbers)) {
    cursor digits = first;
    for (int count = 0; count < Knobs.digits && digits.is(unicode::numbers); ++count) digits.step();
    return digits.at;
  }

  cursor punctuation = first;
  if (punctuation.is(' ')) punctuation.step();
  if (!punctuation.ended() && !punctuation.is(no_punctuation)) {
    while (!punctuation.ended() && !punctuation.is(no_punctuation)) punctuation.step();
    if constexpr (Knobs.behind != behind_punctuation::nothing)
      while (punctuation.is_line_end() ||
             (Knobs.behind == behind_punctuation::line_ends_and_slashes && punctuation.is('/')))
        punctuation.step();
    return punctuation.at;
  }

  // What is left is white space.
  cursor space = first;
  std::size_t last = begin;         // its last character
  std::size_t end_of_line = begin;  // behind its last line end
  while (space.is(unicode::spaces)) {
    last = space.at;
    const bool ends_line = space.is_line_end();
    space.step();
    if (ends_line) end_of_line = space.at;
  }
  if (Knobs.lines == line_ends::end_pieces_but_at_the_end && space.ended()) return space.at;
  if (Knobs.lines != line_ends::are_nothing && end_of_line != begin) return end_of_line;
  return space.ended() || last == begin ? space.at : last;
}

}  // namespace byteloom::inline v0::tokenizer::pattern
