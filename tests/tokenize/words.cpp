// SPDX-License-Identifier: Apache-2.0

// Texts cut in words: every byte belongs to one, and canvases come back as the text that filled them.

#include "byteloom/tokenize/words.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "byteloom/tokenize/word_canvas.hpp"
#include "support/random.hpp"

namespace tokenizer = byteloom::tokenizer;
using byteloom::argument_error;
using byteloom::token;

TEST_CASE("words keep the white space in front of them, and other bytes stand alone") {
  CHECK(tokenizer::word_offsets("", 9) == std::vector<int>{0});
  CHECK(tokenizer::word_offsets("a", 9) == std::vector<int>{0, 1});
  CHECK(tokenizer::word_offsets("It's  50\xc3\xa9, no?\n", 9) ==
        std::vector<int>{0, 2, 3, 4, 10, 11, 14, 15, 16});
  CHECK(tokenizer::word_offsets(" \t.. x ", 9) == std::vector<int>{0, 3, 4, 6, 7});
  CHECK(tokenizer::word_offsets("abcdefg hi", 3) == std::vector<int>{0, 3, 6, 7, 10});
  CHECK(tokenizer::word_offsets("     a", 3) == std::vector<int>{0, 3, 6});
  CHECK_THROWS_WITH_AS(tokenizer::word_offsets("a", 0), doctest::Contains("word_offsets"), argument_error);
}

TEST_CASE("offsets of words ascend over the whole text, none of them too long") {
  auto draw = test::generator();
  for (int round = 0; round < 200; ++round) {
    std::string text(draw() % 40, '\0');
    for (char& byte : text) byte = draw() % 2 == 0 ? " a\n.7"[draw() % 5] : static_cast<char>(draw() % 256);
    const int longest = static_cast<int>(draw() % 6 + 1);
    const auto offsets = tokenizer::word_offsets(text, longest);
    REQUIRE(offsets.front() == 0);
    REQUIRE(offsets.back() == static_cast<int>(text.size()));
    for (std::size_t w = 0; w + 1 < offsets.size(); ++w) {
      CHECK(offsets[w] < offsets[w + 1]);
      CHECK(offsets[w + 1] - offsets[w] <= longest);
    }
  }
}

TEST_CASE("a canvas holds slots, the word and padding") {
  const tokenizer::word_canvas canvas(2, 3);
  CHECK(canvas.size() == 5);
  CHECK(canvas.vocabulary() == 258);
  CHECK(canvas.encode("no\xff  sea") == std::vector<token>{256, 257, 'n', 'o', 255,  //
                                                           256, 257, 0, 0, 0,        //
                                                           256, 257, 's', 'e', 'a'});
  CHECK(canvas.encode("") == std::vector<token>{256, 257, 0, 0, 0});
  CHECK(tokenizer::word_canvas().size() == 16);
  CHECK(canvas.decode(std::vector<token>{-1, 0, 'a', 0, 'b', 7, 7, 'c', 'd', 'e'}) == "a cde");
  CHECK_THROWS_WITH_AS(canvas.encode("a bcde"), doctest::Contains("at byte 2 has 4 bytes"), argument_error);
  CHECK_THROWS_WITH_AS(canvas.encode(std::string(2, '\0')), doctest::Contains("byte 0"), argument_error);
  CHECK_THROWS_WITH_AS(canvas.decode(std::vector<token>{1}), doctest::Contains("do not fill"),
                       argument_error);
  CHECK_THROWS_WITH_AS(canvas.decode(std::vector<token>{256, 257, 256, 0, 0}), doctest::Contains("no byte"),
                       argument_error);
  CHECK_THROWS_AS(tokenizer::word_canvas(0, 3), argument_error);
  CHECK_THROWS_AS(tokenizer::word_canvas(1, 0), argument_error);
}

TEST_CASE("texts come back from canvases") {
  auto draw = test::generator();
  const tokenizer::word_canvas canvas(3, 7);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::uint64_t words = draw() % 6; words > 0; --words) {
      for (std::uint64_t bytes = draw() % 8; bytes > 0; --bytes) {
        const char byte = static_cast<char>(draw() % 255 + 1);
        if (byte != ' ') text += byte;
      }
      if (words > 1) text += ' ';
    }
    const auto tokens = canvas.encode(text);
    CHECK(tokens.size() % 10 == 0);
    CHECK(canvas.decode(tokens) == text);
  }
}
