// SPDX-License-Identifier: Apache-2.0

// What holds for every text and every image: bytes and special tokens come back, patches reach every number.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "byteloom/tokenize/bytes.hpp"
#include "byteloom/tokenize/patches.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE("a byte's token is its value") {
  static_assert(bl::tokenizer::bytes::id(0) == 0 && bl::tokenizer::bytes::id(255) == 255);
  const bl::tokenizer::bytes tokenizer;
  CHECK(tokenizer.vocabulary() == 256);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(static_cast<std::uint8_t>(byte));
  const auto tokens = tokenizer.encode(all);
  REQUIRE(tokens.size() == 256);
  for (int byte = 0; byte < 256; ++byte) CHECK(tokens[static_cast<std::size_t>(byte)] == byte);
  CHECK(tokenizer.decode(tokens) == all);
}

TEST_CASE("texts with special tokens come back by name, whichever way they were encoded") {
  using namespace std::string_literals;
  auto draw = test::generator();
  const std::vector<std::string> names{"<s>", "<s>>", "ab", "a", "\0x"s, "\xff\xfe", "<|end|>"};
  const bl::tokenizer::bytes tokenizer(names);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::uint64_t piece = draw() % 12; piece > 0; --piece)
      text +=
          draw() % 2 == 0 ? names[draw() % names.size()] : std::string(1, static_cast<char>(draw() % 256));
    const auto as_bytes = tokenizer.encode(text);
    CHECK(as_bytes.size() == text.size());
    CHECK(tokenizer.decode(as_bytes) == text);
    const auto as_tokens = tokenizer.encode(text, bl::specials_in_text::as_tokens);
    CHECK(tokenizer.decode(as_tokens, bl::specials_in_tokens::by_name) == text);
    // Refused exactly where some byte begins a special.
    bool contains = false;
    for (const std::string& name : names) contains = contains || text.find(name) != std::string::npos;
    if (contains) {
      CHECK_THROWS_AS(tokenizer.encode(text, bl::specials_in_text::refused), bl::argument_error);
    } else {
      CHECK(tokenizer.encode(text, bl::specials_in_text::refused) == as_bytes);
    }
    // Left out, what remains are the tokens below 256.
    std::string left;
    for (const bl::token id : as_tokens)
      if (id < 256) left += static_cast<char>(static_cast<std::uint8_t>(id));
    CHECK(tokenizer.decode(as_tokens) == left);
  }
}

TEST_CASE("a special's token follows the order of names") {
  const bl::tokenizer::bytes tokenizer({"one", "two", "three"});
  CHECK(tokenizer.special("one") == 256);
  CHECK(tokenizer.special("three") == 258);
  CHECK_THROWS_WITH_AS(tokenizer.special("four"), "tokenizer::bytes: there is no special token 'four'.",
                       bl::argument_error);
  CHECK_THROWS_WITH_AS(bl::tokenizer::bytes({"a", ""}),
                       "tokenizer::bytes: special token 1 has no name; give it one.", bl::argument_error);
}

TEST_CASE("patches without overlap visit every number of an image once") {
  auto draw = test::generator();
  for (int round = 0; round < 40; ++round) {
    const auto height = static_cast<int>(1 + draw() % 4);
    const auto width = static_cast<int>(1 + draw() % 4);
    const auto rows = static_cast<bl::index>(1 + draw() % 4);
    const auto columns = static_cast<bl::index>(1 + draw() % 4);
    const auto channels = static_cast<bl::index>(1 + draw() % 5);
    const bl::tokenizer::patches<> patches{{height}, {width}, {height}, {width}};
    const bl::index image_height = rows * height;
    const bl::index image_width = columns * width;
    REQUIRE(patches.tokens(image_height, image_width) == rows * columns);
    REQUIRE(patches.patch_rows(image_height) == rows);
    REQUIRE(patches.patch_columns(image_width) == columns);
    std::vector<int> visits(static_cast<std::size_t>(image_height * image_width * channels));
    for (bl::index patch = 0; patch < rows * columns; ++patch)
      for (bl::index number = 0; number < patches.numbers(channels); ++number) {
        const bl::index at = patches.locate(patch, number, image_width, channels);
        REQUIRE(at >= 0);
        REQUIRE(at < static_cast<bl::index>(visits.size()));
        ++visits[static_cast<std::size_t>(at)];
      }
    CHECK(visits == std::vector<int>(visits.size(), 1));
  }
}

TEST_CASE("constant and run-time sizes are one map") {
  constexpr bl::tokenizer::patches<3, 2, 2, 1> fixed;
  static_assert(fixed.numbers(4) == 24 && fixed.patch_rows(7) == 3 && fixed.patch_columns(5) == 4);
  constexpr bl::tokenizer::patches<> dynamic{{3}, {2}, {2}, {1}};
  constexpr bl::tokenizer::patches<bl::dynamic, 2, 2, bl::dynamic> mixed{{3}, {}, {}, {1}};
  static_assert(sizeof(fixed) == 1 && sizeof(mixed) == 2 * sizeof(int));
  for (bl::index patch = 0; patch < 12; ++patch)
    for (bl::index number = 0; number < 24; ++number) {
      CHECK(dynamic.locate(patch, number, 5, 4) == fixed.locate(patch, number, 5, 4));
      CHECK(mixed.locate(patch, number, 5, 4) == fixed.locate(patch, number, 5, 4));
    }
}
