// SPDX-License-Identifier: Apache-2.0

// Streaming UTF-8 against a definition that knows no table of lead bytes: a sequence is a character if its
// number is encoded at its shortest length and is no surrogate, and the beginning of one if some bytes
// complete it.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/sample/utf8.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

const std::string replacement = "\xef\xbf\xbd";

unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

/// Bytes of a character by the count of leading ones, 0 for what cannot lead.
std::size_t announced(unsigned lead) {
  if (lead < 0x80) return 1;
  std::size_t ones = 0;
  while (ones < 8 && (lead & (0x80u >> ones)) != 0) ++ones;
  return ones >= 2 && ones <= 4 ? ones : 0;
}

/// True if the first `count` bytes, completed to the announced length, can be a character.
bool begins_character(std::string_view bytes, std::size_t count) {
  const std::size_t length = announced(byte_at(bytes, 0));
  if (length == 0 || count > length) return false;
  std::uint32_t least = length == 1 ? byte_at(bytes, 0) : byte_at(bytes, 0) & (0x7fu >> length);
  for (std::size_t i = 1; i < count; ++i) {
    if ((byte_at(bytes, i) & 0xc0u) != 0x80u) return false;
    least = least << 6 | (byte_at(bytes, i) & 0x3fu);
  }
  const auto open_bits = static_cast<unsigned>(6 * (length - count));
  least <<= open_bits;
  const std::uint32_t most = least | ((1u << open_bits) - 1);
  constexpr std::uint32_t shortest[] = {0, 0, 0x80, 0x800, 0x10000};
  const std::uint32_t first = std::max(least, shortest[length]);
  const std::uint32_t last = std::min<std::uint32_t>(most, 0x10ffff);
  return first <= last && !(first >= 0xd800 && last <= 0xdfff);
}

/// What is shown of whole bytes.
std::string defined(std::string_view bytes, bl::invalid_bytes invalid) {
  std::string shown;
  while (!bytes.empty()) {
    std::size_t count = 0;
    while (count < bytes.size() && begins_character(bytes, count + 1)) ++count;
    const bool character = count > 0 && count == announced(byte_at(bytes, 0));
    count = std::max<std::size_t>(count, 1);
    const bool replaced = !character && invalid == bl::invalid_bytes::replace;
    shown += replaced ? replacement : std::string(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
  return shown;
}

std::string shown_in_one(std::string_view bytes, bl::invalid_bytes invalid) {
  bl::utf8_stream stream(invalid);
  const std::string shown = stream.push(bytes);
  return shown + stream.flush();
}

/// Mostly characters of all lengths, with bytes of every other kind between them.
std::string random_text(std::mt19937_64& draw, std::size_t pieces) {
  std::string result;
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::uint64_t kind = draw() % 6;
    if (kind == 0) {
      result += static_cast<char>(static_cast<std::uint8_t>(draw() % 256));
      continue;
    }
    constexpr std::uint32_t above[] = {0x80, 0x800, 0x10000, 0x110000};
    const auto number = static_cast<std::uint32_t>(draw() % above[draw() % 4]);  // surrogates too
    std::string one;
    const auto tail = [&](unsigned shift) {
      one += static_cast<char>(static_cast<std::uint8_t>(0x80u | ((number >> shift) & 0x3fu)));
    };
    if (number < 0x80) {
      one += static_cast<char>(static_cast<std::uint8_t>(number));
    } else if (number < 0x800) {
      one += static_cast<char>(static_cast<std::uint8_t>(0xc0u | number >> 6));
      tail(0);
    } else if (number < 0x10000) {
      one += static_cast<char>(static_cast<std::uint8_t>(0xe0u | number >> 12));
      tail(6);
      tail(0);
    } else {
      one += static_cast<char>(static_cast<std::uint8_t>(0xf0u | number >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
    if (kind == 1) one.resize(draw() % (one.size() + 1));
    result += one;
  }
  return result;
}

constexpr bl::invalid_bytes choices[] = {bl::invalid_bytes::replace, bl::invalid_bytes::keep};

}  // namespace

TEST_CASE("all sequences of two bytes, and of three and four at every boundary, show as defined") {
  const std::vector<unsigned> tails{0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xe2, 0xff};
  const auto check = [](const std::string& bytes) {
    for (const auto invalid : choices)
      if (shown_in_one(bytes, invalid) != defined(bytes, invalid)) {
        CAPTURE(bytes);
        REQUIRE(shown_in_one(bytes, invalid) == defined(bytes, invalid));
      }
  };
  const auto append = [](std::string bytes, unsigned byte) {
    bytes += static_cast<char>(static_cast<std::uint8_t>(byte));
    return bytes;
  };
  for (unsigned lead = 0; lead < 256; ++lead) {
    const std::string one = append("", lead);
    check(one);
    for (unsigned second = 0; second < 256; ++second) check(append(one, second));
    for (const unsigned second : tails)
      for (const unsigned third : tails) {
        const std::string three = append(append(one, second), third);
        check(three);
        for (const unsigned fourth : tails) check(append(three, fourth));
      }
  }
}

TEST_CASE("what the decoder of Python's codecs module shows") {
  // bytes.decode("utf-8", errors="replace"), Python 3.11.
  const std::string r = replacement;
  const auto shown = [](std::string_view bytes) { return shown_in_one(bytes, bl::invalid_bytes::replace); };
  CHECK(shown("\xe2\x82") == r);
  CHECK(shown("\xe2\x28\xa1") == r + "(" + r);
  CHECK(shown("\xf0\x9f\x98\xe2\x82\xac") == r + "\xe2\x82\xac");
  CHECK(shown("\xf0\x80\x80\x80") == r + r + r + r);
  CHECK(shown("\xf4\x90\x80\x80") == r + r + r + r);
  CHECK(shown("\xed\xa0\x80") == r + r + r);
  CHECK(shown("\xf8\x88\x80\x80\x80") == r + r + r + r + r);
  CHECK(shown("\xe0\x9f\xbf") == r + r + r);
  CHECK(shown("\xc1\xbf") == r + r);
  CHECK(shown("a\xf1\x80\x80 b") == "a" + r + " b");
}

TEST_CASE("every cut in two and in three, and byte by byte, shows what the whole shows") {
  auto draw = test::generator();
  for (int round = 0; round < 60; ++round) {
    const std::string bytes = random_text(draw, 8);
    for (const auto invalid : choices) {
      const std::string wanted = defined(bytes, invalid);
      REQUIRE(shown_in_one(bytes, invalid) == wanted);
      const std::string_view all = bytes;
      for (std::size_t first = 0; first <= all.size(); ++first)
        for (std::size_t second = first; second <= all.size(); ++second) {
          bl::utf8_stream stream(invalid);
          std::string shown = stream.push(all.substr(0, first));
          shown += stream.push(all.substr(first, second - first));
          shown += stream.push(all.substr(second));
          REQUIRE(shown + stream.flush() == wanted);
        }
      bl::utf8_stream stream(invalid);
      std::string shown;
      for (const char c : bytes) shown += stream.push(std::string_view(&c, 1));
      REQUIRE(shown + stream.flush() == wanted);
    }
  }
}

TEST_CASE("nothing waits that could be shown, and what is shown is well-formed") {
  auto draw = test::generator();
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = random_text(draw, 10);
    bl::utf8_stream stream;
    std::string shown;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      shown += stream.push(std::string_view(bytes).substr(at, 1));
      REQUIRE(shown == defined(shown, bl::invalid_bytes::replace));
      // The bytes that wait are the beginning of one character, so they end the input.
      const std::string_view seen = std::string_view(bytes).substr(0, at + 1);
      std::size_t waiting = 0;
      for (std::size_t count = 1; count <= std::min<std::size_t>(3, seen.size()); ++count) {
        const std::string_view end = seen.substr(seen.size() - count);
        if (begins_character(end, count) && announced(byte_at(end, 0)) > count) waiting = count;
      }
      const std::string_view ended = seen.substr(0, seen.size() - waiting);
      REQUIRE(shown == defined(ended, bl::invalid_bytes::replace));
    }
  }
}

TEST_CASE("a stream can be used again after it was flushed") {
  bl::utf8_stream stream;
  CHECK(stream.push("\xe2\x82") == "");
  CHECK(stream.flush() == replacement);
  CHECK(stream.push("\xac") == replacement);
  CHECK(stream.push("\xe2\x82\xac") == "\xe2\x82\xac");
  CHECK(stream.flush() == "");
}
