// SPDX-License-Identifier: Apache-2.0

// Where patterns cut a text.

#include "byteloom/tokenize/pattern/patterns.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/random.hpp"
#include "support/utf8.hpp"

namespace pattern = byteloom::tokenizer::pattern;

namespace {

using pieces = std::vector<std::string>;

template <class Pattern>
pieces cut(std::string_view text) {
  pieces result;
  std::size_t at = 0;
  for (const std::size_t end : pattern::ends_of_pieces<Pattern>(text)) {
    result.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return result;
}

template <class Pattern>
void check_laws(std::mt19937_64& draw) {
  for (int round = 0; round < 300; ++round) {
    const std::string text = test::random_text(draw, 1 + static_cast<int>(draw() % 30), round % 2 == 0);
    std::size_t at = 0;
    for (const std::size_t end : pattern::ends_of_pieces<Pattern>(text)) {
      REQUIRE(end > at);
      REQUIRE(end <= text.size());
      // A piece is the same wherever its text begins.
      CHECK(Pattern::end_of_piece(std::string_view(text).substr(at), 0) == end - at);
      at = end;
    }
    CHECK(at == text.size());
  }
}

}  // namespace

TEST_CASE("gpt2: a space belongs to the word behind it, contractions are of lower case") {
  CHECK(cut<pattern::gpt2>("Hello world, it's 1234!") ==
        pieces{"Hello", " world", ",", " it", "'s", " 1234", "!"});
  CHECK(cut<pattern::gpt2>("IT'S they'll") == pieces{"IT", "'", "S", " they", "'ll"});
  CHECK(cut<pattern::gpt2>("a  b\n\n c \t") == pieces{"a", " ", " b", "\n\n", " c", " \t"});
  CHECK(cut<pattern::gpt2>("x\ty\n\nz") == pieces{"x", "\t", "y", "\n", "\n", "z"});
  CHECK(cut<pattern::gpt2>("a\u0301b") == pieces{"a", "\u0301", "b"});
}

TEST_CASE("cl100k: any character leads a word, three digits, line ends end white space") {
  CHECK(cut<pattern::cl100k>("Hello (world) 12345") == pieces{"Hello", " (", "world", ")", " ", "123", "45"});
  CHECK(cut<pattern::cl100k>("IT'S they'Ll a'\u017f") == pieces{"IT", "'S", " they", "'Ll", " a", "'\u017f"});
  CHECK(cut<pattern::cl100k>("if (x) {\n\n    y\n}  ") ==
        pieces{"if", " (", "x", ")", " {\n\n", "   ", " y", "\n", "}", "  "});
  CHECK(cut<pattern::cl100k>("a \n \n  b") == pieces{"a", " \n \n", " ", " b"});
  CHECK(cut<pattern::cl100k>("a \n  ") == pieces{"a", " \n  "});
  CHECK(cut<pattern::cl100k>("\u0661\u0662\u0663\u0664") == pieces{"\u0661\u0662\u0663", "\u0664"});
  CHECK(cut<pattern::cl100k>("\xff\xfe!\x80z") == pieces{"\xff\xfe!\x80", "z"});
}

TEST_CASE("o200k: words are of upper and then of lower case, with their contraction") {
  CHECK(cut<pattern::o200k>("HelloWorld HTTPServer") == pieces{"Hello", "World", " HTTPServer"});
  CHECK(cut<pattern::o200k>("they'll IT'S dog's") == pieces{"they'll", " IT'S", " dog's"});
  CHECK(cut<pattern::o200k>("a \n  ") == pieces{"a", " \n", "  "});
  CHECK(cut<pattern::o200k>("path/to//x\n/") == pieces{"path", "/to", "//", "x", "\n", "/"});
  CHECK(cut<pattern::o200k>("!\n//a") == pieces{"!\n//", "a"});
  // What has no case goes with both.
  CHECK(cut<pattern::o200k>("A\u6f22B") == pieces{"A\u6f22", "B"});
  CHECK(cut<pattern::o200k>("\u0301") == pieces{"\u0301"});
  CHECK(cut<pattern::o200k>("\u0416\u0436\u0416") == pieces{"\u0416\u0436", "\u0416"});
}

TEST_CASE("llama3, qwen2 and qwen35 differ by digits, by marks, and at the end of a text") {
  CHECK(cut<pattern::llama3>("a \n  ") == pieces{"a", " \n", "  "});
  CHECK(cut<pattern::llama3>("12345") == pieces{"123", "45"});
  CHECK(cut<pattern::qwen2>("123") == pieces{"1", "2", "3"});
  CHECK(cut<pattern::qwen2>("a\u0301b") == pieces{"a", "\u0301b"});
  CHECK(cut<pattern::qwen35>("a\u0301b") == pieces{"a\u0301b"});
  CHECK(cut<pattern::qwen35>("\u0301") == pieces{"\u0301"});
  CHECK(cut<pattern::whole>("a b") == pieces{"a b"});
}

TEST_CASE("pieces follow each other, cover any text, and do not depend on what was before") {
  auto draw = test::generator();
  check_laws<pattern::gpt2>(draw);
  check_laws<pattern::cl100k>(draw);
  check_laws<pattern::o200k>(draw);
  check_laws<pattern::llama3>(draw);
  check_laws<pattern::qwen2>(draw);
  check_laws<pattern::qwen35>(draw);
}
