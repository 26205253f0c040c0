// SPDX-License-Identifier: Apache-2.0

#include "byteloom/tokenize/bytes.hpp"

#include <doctest/doctest.h>

#include <random>

#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE("any bytes come back as they went in") {
  auto draw = test::generator();
  const bl::tokenizer::bytes tokenizer({"<|begin|>", "<|end|>"});
  for (int round = 0; round < 100; ++round) {
    std::string text(draw() % 200, '\0');
    for (char& c : text) c = static_cast<char>(draw() % 256);
    const auto tokens = tokenizer.encode(text);
    CHECK(tokens.size() == text.size());
    CHECK(tokenizer.decode(tokens) == text);
  }
  CHECK(tokenizer.encode("\xff\x00z", bl::specials_in_text::as_bytes).front() == 255);
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("special tokens in a text are bytes, tokens, or refused") {
  const bl::tokenizer::bytes tokenizer({"<s>", "<s>>", "</s>"});
  CHECK(tokenizer.vocabulary() == 259);
  CHECK(tokenizer.special("</s>") == 258);
  CHECK(tokenizer.encode("a<s>").size() == 4);
  CHECK(tokenizer.encode("a<s>>b</s>", bl::specials_in_text::as_tokens) ==
        std::vector<bl::token>{97, 257, 98, 258});
  CHECK(tokenizer.encode("<s", bl::specials_in_text::as_tokens) == std::vector<bl::token>{60, 115});
  CHECK_THROWS_WITH_AS(
      tokenizer.encode("ab<s>", bl::specials_in_text::refused),
      "tokenizer::bytes: the text contains the special token '<s>' at byte 2; remove it, or allow special "
      "tokens in the text.",
      bl::argument_error);
  CHECK_NOTHROW(tokenizer.encode("ab", bl::specials_in_text::refused));
  const std::vector<bl::token> tokens{97, 256, 98};
  CHECK(tokenizer.decode(tokens) == "ab");
  CHECK(tokenizer.decode(tokens, bl::specials_in_tokens::by_name) == "a<s>b");
}

TEST_CASE("bad tokens and names are refused by name") {
  const bl::tokenizer::bytes tokenizer;
  CHECK_THROWS_WITH_AS(tokenizer.decode(std::vector<bl::token>{1, 256}),
                       "tokenizer::bytes: token 256 at place 1 is outside the vocabulary of 256.",
                       bl::argument_error);
  CHECK_THROWS_AS(tokenizer.decode(std::vector<bl::token>{-1}), bl::argument_error);
  CHECK_THROWS_AS(tokenizer.special("x"), bl::argument_error);
  CHECK_THROWS_AS(bl::tokenizer::bytes({"a", ""}), bl::argument_error);
  CHECK_THROWS_WITH_AS(bl::tokenizer::bytes({"a", "b", "a"}),
                       "tokenizer::bytes: the special token 'a' is named twice.", bl::argument_error);
}
