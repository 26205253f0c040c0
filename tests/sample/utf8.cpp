// SPDX-License-Identifier: Apache-2.0

#include "byteloom/sample/utf8.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "support/random.hpp"

namespace bl = byteloom;

namespace {

std::string whole(std::string_view bytes, bl::invalid_bytes invalid = bl::invalid_bytes::replace) {
  bl::utf8_stream stream(invalid);
  const std::string shown = stream.push(bytes);
  return shown + stream.flush();
}

std::string random_bytes(std::mt19937_64& draw) {
  static const std::vector<std::string> pieces{
      "a",    "\n",           "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff",
      "\xc0", "\xed\xa0\x80", "\xf4\x90", "\xe2\x82",     "\xf0\x9f",         "\x80"};
  std::string result;
  for (int i = 0; i < 12; ++i) result += pieces[draw() % pieces.size()];
  return result;
}

}  // namespace

TEST_CASE("well-formed text passes untouched, one byte at a time too") {
  const std::string text = "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf";
  CHECK(whole(text) == text);
  bl::utf8_stream stream;
  std::string shown;
  for (const char c : text) shown += stream.push(std::string_view(&c, 1));
  CHECK(shown == text);
}

TEST_CASE("half a character is never shown") {
  bl::utf8_stream stream;
  CHECK(stream.push("x\xe2") == "x");
  CHECK(stream.push("\x82") == "");
  CHECK(stream.push("\xac") == "\xe2\x82\xac");
  CHECK(stream.push("\xf0\x9f\x98") == "");
  CHECK(stream.flush() == "\xef\xbf\xbd");
  CHECK(stream.flush() == "");
}

TEST_CASE("ill-formed sequences become one replacement for each maximal part") {
  const std::string r = "\xef\xbf\xbd";
  // The examples of the Unicode Standard, tables 3-8 to 3-11.
  CHECK(whole("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(whole("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(whole("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42") == r + r + r + r + r + "A" + r + r + "B");
  CHECK(whole("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == r + r + r + r + "A");
}

TEST_CASE("bytes may be kept instead") {
  const std::string odd = "a\xff\xe2\x82z\xf0\x9f";
  CHECK(whole(odd, bl::invalid_bytes::keep) == odd);
}

TEST_CASE("any way of cutting the bytes shows the same text") {
  auto draw = test::generator();
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = random_bytes(draw);
    for (const auto invalid : {bl::invalid_bytes::replace, bl::invalid_bytes::keep}) {
      bl::utf8_stream stream(invalid);
      std::string shown;
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = 1 + draw() % 4;
        shown += stream.push(std::string_view(bytes).substr(at, length));
        at += length;
      }
      CHECK(shown + stream.flush() == whole(bytes, invalid));
    }
  }
}
