// SPDX-License-Identifier: Apache-2.0

// Characters and their classes: all code points, and texts that are no UTF-8.

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "byteloom/tokenize/unicode/character_class.hpp"
#include "byteloom/tokenize/unicode/utf8.hpp"
#include "support/utf8.hpp"

using byteloom::unicode::character_at;
using byteloom::unicode::character_class;
using byteloom::unicode::class_of;

namespace {

character_class class_of_category(const std::string& category) {
  if (category == "Lu") return character_class::upper;
  if (category == "Ll") return character_class::lower;
  if (category == "Lt") return character_class::title;
  if (category == "Lm") return character_class::modifier;
  if (category == "Lo") return character_class::letter;
  if (category[0] == 'M') return character_class::mark;
  if (category[0] == 'N') return character_class::number;
  return character_class::other;
}

std::string field(const std::string& line, int which) {
  std::size_t begin = 0;
  for (int i = 0; i < which; ++i) begin = line.find(';', begin) + 1;
  return line.substr(begin, line.find(';', begin) - begin);
}

}  // namespace

TEST_CASE("classes are those of Unicode's own files, for every code point that these know") {
  // Debian's are of Unicode 15.0: what came later is not in them, what was there has the class it had.
  const std::string folder = "/usr/share/unicode/";
  std::ifstream data(folder + "UnicodeData.txt"), properties(folder + "PropList.txt");
  if (std::getenv("BYTELOOM_REQUIRE_UNICODE") != nullptr) REQUIRE((data && properties));
  if (!data || !properties) {
    MESSAGE("skipped: Debian's unicode-data is not installed");
    return;
  }
  std::set<std::uint32_t> white;
  std::string line;
  while (std::getline(properties, line)) {
    if (line.find("; White_Space") == std::string::npos) continue;
    const auto first = static_cast<std::uint32_t>(std::stoul(line, nullptr, 16));
    const std::size_t dots = line.find("..");
    const auto last = dots < line.find(';')
                          ? static_cast<std::uint32_t>(std::stoul(line.substr(dots + 2), nullptr, 16))
                          : first;
    for (std::uint32_t code = first; code <= last; ++code) white.insert(code);
  }
  CHECK(white.size() == 25);
  int known = 0, wrong = 0;
  std::uint32_t first = 0;
  while (std::getline(data, line)) {
    const auto code = static_cast<std::uint32_t>(std::stoul(field(line, 0), nullptr, 16));
    const std::string name = field(line, 1), category = field(line, 2);
    if (!name.ends_with("Last>")) first = code;
    if (name.ends_with("First>") || category == "Cs") continue;
    for (std::uint32_t c = first; c <= code; ++c) {
      const auto wanted = white.count(c) != 0 ? character_class::space : class_of_category(category);
      ++known;
      if (class_of(c) != wanted && wrong++ == 0) MESSAGE("first wrong class: code point " << c);
    }
  }
  CHECK(known > 280000);
  CHECK(wrong == 0);
}

TEST_CASE("classes of some characters, of what is not assigned and of what is no character") {
  static_assert(class_of('A') == character_class::upper && class_of('z') == character_class::lower);
  CHECK(class_of(0x01c5) == character_class::title);     // D with z and caron
  CHECK(class_of(0x02b0) == character_class::modifier);  // raised h
  CHECK(class_of(0x6f22) == character_class::letter);    // an ideograph
  CHECK(class_of(0x0301) == character_class::mark);      // combining acute
  CHECK(class_of(0x2167) == character_class::number);    // Roman eight
  CHECK(class_of(0x3000) == character_class::space);     // ideographic space
  CHECK(class_of(0x200b) == character_class::other);     // zero width space is none
  CHECK(class_of(0x1c89) == character_class::upper);     // of Unicode 16.0
  CHECK(class_of(0xd800) == character_class::other);
  CHECK(class_of(0x10ffff) == character_class::other);
  CHECK(class_of(0x110000) == character_class::other);
  CHECK(class_of(byteloom::unicode::character::invalid) == character_class::other);
}

TEST_CASE("every character is read as it was written, and nothing else is one") {
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const std::string text = test::utf8_of(code);
    const auto found = character_at("x" + text, 1);
    wrong += found.code == code && found.length == static_cast<int>(text.size()) ? 0 : 1;
    // Cut anywhere it is bytes.
    for (std::size_t size = 1; size < text.size(); ++size)
      wrong += character_at(text.substr(0, size), 0).code == byteloom::unicode::character::invalid ? 0 : 1;
  }
  CHECK(wrong == 0);
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82 ", "\xf0\x9f\x98 "}) {
    const auto found = character_at(text, 0);
    CHECK(found.code == byteloom::unicode::character::invalid);
    CHECK(found.length == 1);
  }
  CHECK(character_at("", 0).length == 0);
  CHECK(character_at("ab", 2).length == 0);
}
