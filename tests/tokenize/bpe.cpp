// SPDX-License-Identifier: Apache-2.0

// Byte pair encoding by ranks: against its rule written down plainly, and against published ids.

#include "byteloom/tokenize/bpe.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "byteloom/load/tiktoken.hpp"
#include "support/data.hpp"
#include "support/random.hpp"
#include "support/utf8.hpp"

namespace bl = byteloom;
namespace pattern = byteloom::tokenizer::pattern;

namespace {

using tokens = std::vector<bl::token>;

bl::tokenizer::vocabulary vocabulary_of(const std::vector<std::string>& all) {
  const std::vector<std::string_view> views(all.begin(), all.end());
  return bl::tokenizer::vocabulary(views);
}

std::vector<std::string> single_bytes() {
  std::vector<std::string> result;
  for (int byte = 0; byte < 256; ++byte) result.emplace_back(1, static_cast<char>(byte));
  return result;
}

/// The rule, with nothing else in mind.
tokens merged(const std::map<std::string, bl::token>& ranks, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  while (true) {
    bl::token lowest = -1;
    std::size_t where = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find(parts[i] + parts[i + 1]);
      if (found != ranks.end() && (lowest < 0 || found->second < lowest)) {
        lowest = found->second;
        where = i;
      }
    }
    if (lowest < 0) break;
    parts[where] += parts[where + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
  tokens result;
  for (const auto& part : parts) result.push_back(ranks.at(part));
  return result;
}

std::map<std::string, bl::token> ranks_of(const std::vector<std::string>& all) {
  std::map<std::string, bl::token> result;
  for (std::size_t i = 0; i < all.size(); ++i) result[all[i]] = static_cast<bl::token>(i);
  return result;
}

/// Bytes, and some merges of two of what is there, over a few letters so that they overlap much.
std::vector<std::string> random_vocabulary(std::mt19937_64& draw, int merges) {
  auto result = single_bytes();
  std::vector<std::string> made{"a", "b", "c"};
  auto known = ranks_of(result);
  while (merges > 0) {
    const std::string joint = made[draw() % made.size()] + made[draw() % made.size()];
    if (joint.size() > 12 || known.count(joint) != 0) {
      --merges;
      continue;
    }
    // Of a trained vocabulary every token is made of two that are there when it is made.
    if (merged(known, joint).size() != 2) continue;
    known[joint] = static_cast<bl::token>(result.size());
    result.push_back(joint);
    made.push_back(joint);
    --merges;
  }
  return result;
}

std::string random_letters(std::mt19937_64& draw, std::size_t size) {
  std::string result(size, 'a');
  for (char& c : result) c = static_cast<char>('a' + draw() % 3);
  return result;
}

const std::vector<bl::tokenizer::special_token> cl100k_specials{{"<|endoftext|>", 100257},
                                                                {"<|fim_prefix|>", 100258},
                                                                {"<|fim_middle|>", 100259},
                                                                {"<|fim_suffix|>", 100260},
                                                                {"<|endofprompt|>", 100276}};

tokens ids_in(const std::string& text) {
  tokens result;
  std::istringstream numbers(text);
  std::string one;
  while (std::getline(numbers, one, ',')) result.push_back(static_cast<bl::token>(std::stoi(one)));
  return result;
}

/// A line of a file of texts, in which line ends and spaces at the end are written \n and \s.
std::string unescaped(std::string_view line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char next = line[i] == '\\' && i + 1 < line.size() ? line[i + 1] : '\0';
    if (next != 'n' && next != 's') {
      result += line[i];
      continue;
    }
    result += next == 'n' ? '\n' : ' ';
    ++i;
  }
  return result;
}

/// Texts of kitoken's golden files and their ids for `name`: lines of two files, and a third as a whole.
template <class Pattern>
void check_golden(const std::filesystem::path& folder, const std::string& name,
                  const std::vector<bl::tokenizer::special_token>& specials) {
  const bl::tokenizer::bpe<Pattern> tokenizer(bl::load_tiktoken(folder / "vocab" / (name + ".tiktoken")),
                                              specials);
  CHECK(tokenizer.merges().proper());
  const auto check = [&](const std::string& text, const std::string& wanted) {
    const auto found = tokenizer.encode(text, bl::specials_in_text::as_tokens);
    CHECK_MESSAGE((found == ids_in(wanted)), text.substr(0, 100));
    CHECK(tokenizer.decode(found, bl::specials_in_tokens::by_name) == text);
  };
  int lines = 0;
  for (const std::string set : {"small", "mixed"}) {
    std::istringstream texts(test::text_of(folder / "golden" / (set + "_input.txt")));
    std::istringstream ids(test::text_of(folder / "golden" / (set + "_tokens_" + name + ".txt")));
    std::string text, wanted;
    while (std::getline(texts, text) && std::getline(ids, wanted)) {
      check(unescaped(text), wanted);
      ++lines;
    }
  }
  CHECK(lines == 140);
  check(test::text_of(folder / "golden/utf8_input.txt"),
        test::text_of(folder / "golden" / ("utf8_tokens_" + name + ".txt")));
}

}  // namespace

TEST_CASE("pieces are merged as the rule says, by pairs and by the heap") {
  auto draw = test::generator();
  int improper = 0;
  for (int round = 0; round < 60; ++round) {
    auto all = random_vocabulary(draw, 1 + static_cast<int>(draw() % 40));
    if (round % 3 == 0) {  // some that no training gives: numbers shuffled
      std::shuffle(all.begin() + 256, all.end(), draw);
    }
    const auto ranks = ranks_of(all);
    const bl::tokenizer::merges merges(vocabulary_of(all));
    improper += merges.proper() ? 0 : 1;
    if (round % 3 != 0) CHECK(merges.proper());
    for (int text = 0; text < 40; ++text) {
      const std::string piece = random_letters(draw, 1 + draw() % (text % 4 == 0 ? 150 : 40));
      tokens found, by_rule;
      merges.encode_by_rule(piece, by_rule);
      CHECK(by_rule == merged(ranks, piece));
      merges.encode(piece, found);
      if (merges.proper()) CHECK(found == by_rule);
      // What is a token is one at once, as tiktoken has it; of other vocabularies the rule may not reach it.
      if (ranks.count(piece) == 0) CHECK(found == by_rule);
    }
  }
  CHECK(improper > 0);
}

TEST_CASE("two tokens may follow each other where they are the encoding of their bytes") {
  auto draw = test::generator();
  const auto all = random_vocabulary(draw, 40);
  const auto ranks = ranks_of(all);
  const bl::tokenizer::merges merges(vocabulary_of(all));
  REQUIRE(merges.proper());
  int may = 0;
  for (bl::token a = 'a'; a < merges.tokens().size(); a = a == 'c' ? 256 : a + 1)
    for (bl::token b = 'a'; b < merges.tokens().size(); b = b == 'c' ? 256 : b + 1) {
      const std::string both = std::string(merges.tokens().bytes(a)) + std::string(merges.tokens().bytes(b));
      const bool wanted = merged(ranks, both) == tokens{a, b};
      CHECK(merges.may_follow(a, b) == wanted);
      may += wanted ? 1 : 0;
    }
  CHECK(may > 0);
}

TEST_CASE("any bytes come back, and threads share a tokenizer") {
  auto draw = test::generator();
  const bl::tokenizer::bpe<pattern::o200k> tokenizer(vocabulary_of(random_vocabulary(draw, 40)));
  std::vector<std::string> texts{"", std::string(1, '\0'), "\xff\xfe", "\xe2\x82"};
  for (int i = 0; i < 200; ++i) texts.push_back(test::random_text(draw, static_cast<int>(draw() % 40), true));
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([&, i] {
      for (const auto& text : texts) wrong[i] += tokenizer.decode(tokenizer.encode(text)) == text ? 0 : 1;
    });
  for (auto& thread : threads) thread.join();
  CHECK(std::accumulate(wrong.begin(), wrong.end(), 0) == 0);
}

TEST_CASE("a million of one character are tokens of the longest run, and what is left") {
  auto all = single_bytes();
  for (std::size_t size = 2; size <= 64; size *= 2) all.emplace_back(size, 'a');
  const bl::tokenizer::merges merges(vocabulary_of(all));
  REQUIRE(merges.proper());
  tokens found;
  merges.encode(std::string(1 << 20, 'a') + "a", found);
  CHECK(found.size() == (1 << 14) + 1);
  CHECK(found.front() == 261);
  CHECK(found.back() == 'a');
}

TEST_CASE("special tokens beside a vocabulary") {
  const bl::tokenizer::bpe<pattern::gpt2> tokenizer(vocabulary_of(single_bytes()),
                                                    {{"<s>", 300}, {"</s>", 256}});
  CHECK(tokenizer.vocabulary() == 301);
  CHECK(tokenizer.special("</s>") == 256);
  CHECK(tokenizer.encode("<s>a</s>", bl::specials_in_text::as_tokens) == tokens{300, 'a', 256});
  CHECK(tokenizer.encode("<s>") == tokens{'<', 's', '>'});
  CHECK(tokenizer.decode(tokens{300, 'a', 256}) == "a");
  CHECK(tokenizer.decode(tokens{300, 'a', 256}, bl::specials_in_tokens::by_name) == "<s>a</s>");
  CHECK_THROWS_WITH_AS(tokenizer.decode(tokens{'a', 299}),
                       "tokenizer::bpe: token 299 at place 1 is none of the vocabulary's, which end at 300.",
                       bl::argument_error);
  CHECK_THROWS_WITH_AS(tokenizer.decode(tokens{-1}), doctest::Contains("token -1 at place 0"),
                       bl::argument_error);
  CHECK_THROWS_WITH_AS(tokenizer.encode("ab</s>", bl::specials_in_text::refused),
                       "tokenizer::bpe: the text contains the special token '</s>' at byte 2; remove it, or "
                       "allow special tokens in the text.",
                       bl::argument_error);
  CHECK_THROWS_WITH_AS((bl::tokenizer::bpe<pattern::gpt2>(vocabulary_of(single_bytes()), {{"<s>", 97}})),
                       "tokenizer::bpe: the special token '<s>' has number 97, which is a token of bytes; "
                       "give it one from 256 on.",
                       bl::argument_error);
  CHECK_THROWS_WITH_AS(
      (bl::tokenizer::bpe<pattern::gpt2>(vocabulary_of(single_bytes()), {{"<s>", 256}, {"<t>", 256}})),
      "tokenizer::bpe: the special tokens '<s>' and '<t>' are both token 256.", bl::argument_error);
}

TEST_CASE("vocabularies that are none") {
  CHECK_THROWS_WITH_AS(vocabulary_of({"a", "b", "a"}),
                       "tokenizer::vocabulary: tokens 0 and 2 have the same bytes.", bl::argument_error);
  CHECK_THROWS_WITH_AS(vocabulary_of({"a", ""}), "tokenizer::vocabulary: token 1 has no bytes.",
                       bl::argument_error);
  auto all = single_bytes();
  all[65] = "AB";
  CHECK_THROWS_WITH_AS(bl::tokenizer::merges(vocabulary_of(all)),
                       "tokenizer::merges: byte 65 is no token, so that not every text could be encoded.",
                       bl::argument_error);
}

TEST_CASE("a vocabulary finds the tokens that a text begins with") {
  const auto tokens_of = vocabulary_of({"a", "ab", "abcd", "b", "\xff"});
  CHECK(tokens_of.size() == 5);
  CHECK(tokens_of.find("ab") == 1);
  CHECK(tokens_of.find("abc") == -1);
  CHECK(tokens_of.find("") == -1);
  CHECK(tokens_of.longest("abcc") == 1);
  CHECK(tokens_of.longest("abcde") == 2);
  CHECK(tokens_of.longest("c") == -1);
  CHECK(tokens_of.longest("\xff!") == 4);
  CHECK(tokens_of.longest_prefix(2) == 1);
  CHECK(tokens_of.longest_prefix(1) == 0);
  CHECK(tokens_of.longest_prefix(0) == -1);
}

TEST_CASE("cl100k gives the published ids") {
  if (const auto folder = test::data_folder())
    check_golden<pattern::cl100k>(*folder, "cl100k_base", cl100k_specials);
}

TEST_CASE("o200k gives the published ids") {
  if (const auto folder = test::data_folder())
    check_golden<pattern::o200k>(*folder, "o200k_base",
                                 {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}});
}

TEST_CASE("prose is encoded by pairs as by the rule") {
  const auto folder = test::data_folder();
  if (!folder) return;
  const bl::tokenizer::merges merges(bl::load_tiktoken(*folder / "vocab/qwen2.tiktoken"));
  CHECK(merges.proper());
  for (const char* name : {"text/war_and_peace.en.txt", "text/wagahai_neko.ja.txt"}) {
    const std::string text = test::text_of(*folder / name).substr(0, 300000);
    int wrong = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = pattern::qwen2::end_of_piece(text, at);
      tokens found, wanted;
      merges.encode(std::string_view(text).substr(at, end - at), found);
      merges.encode_by_rule(std::string_view(text).substr(at, end - at), wanted);
      wrong += found == wanted ? 0 : 1;
      at = end;
    }
    CHECK(wrong == 0);
  }
}
