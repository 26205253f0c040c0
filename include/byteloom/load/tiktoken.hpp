// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/tiktoken: vocabularies in tiktoken's files: a token a line, its bytes in base64, a space, its rank.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/load/mapped_file.hpp"
#include "byteloom/tokenize/token.hpp"
#include "byteloom/tokenize/vocabulary.hpp"

namespace byteloom::inline v0 {

namespace detail {

/// The bytes that base64 (RFC 4648, with its padding) stands for, appended; false where it is none.
inline bool append_base64(std::string_view text, std::string& result) {
  static constexpr auto value_of = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits.size(); ++i)
      table[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
    return table;
  }();
  if (text.empty() || text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const std::size_t digits = at + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::int8_t value =
          i < digits ? value_of[static_cast<unsigned char>(text[at + i])] : std::int8_t{0};
      if (value < 0) return false;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    if ((digits == 2 && (bits & 0xffff) != 0) || (digits == 3 && (bits & 0xff) != 0)) return false;
    for (std::size_t i = 0; i + 1 < digits; ++i) result += static_cast<char>(bits >> (16 - 8 * i) & 0xff);
  }
  return true;
}

}  // namespace detail

/// The vocabulary in the bytes of such a file; `name` stands for the file in messages. Ranks go from 0 on
/// without a hole, in any order. Throws load_error, which names the line.
inline tokenizer::vocabulary read_tiktoken(std::string_view file, const std::string& name) {
  struct entry {
    std::size_t begin = 0, size = 0, line = 0;
  };
  std::string all;
  all.reserve(file.size() / 2);
  std::vector<entry> by_rank;
  std::size_t at = 0, line = 0, count = 0;
  const auto refuse = [&](std::size_t place, const std::string& sentence) {
    throw load_error(name, "line " + std::to_string(line), place, sentence);
  };
  while (at < file.size()) {
    ++line;
    const std::size_t end = std::min(file.find('\n', at), file.size());
    std::string_view row = file.substr(at, end - at);
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (!row.empty()) {
      const std::size_t space = row.find(' ');
      if (space == std::string_view::npos) refuse(at, "holds no space between a token and its rank.");
      std::uint32_t rank = 0;
      const char* const last = row.data() + row.size();
      const auto [behind, fault] = std::from_chars(row.data() + space + 1, last, rank);
      if (fault != std::errc() || behind != last)
        refuse(at + space + 1, "ends in '" + std::string(row.substr(space + 1, 20)) + "', which is no rank.");
      if (rank >= file.size())  // each rank below takes a line
        refuse(at + space + 1, "has rank " + std::to_string(rank) + ", below which ranks must be missing.");
      if (rank >= by_rank.size()) by_rank.resize(std::size_t{rank} + 1);
      entry& own = by_rank[rank];
      if (own.line != 0)
        refuse(at, "gives rank " + std::to_string(rank) + " anew, which line " + std::to_string(own.line) +
                       " has.");
      own = {all.size(), 0, line};
      if (!detail::append_base64(row.substr(0, space), all)) refuse(at, "begins with what is not base64.");
      own.size = all.size() - own.begin;
      ++count;
    }
    at = end + 1;
  }
  std::vector<std::string_view> tokens;
  tokens.reserve(by_rank.size());
  for (const entry& own : by_rank) {
    if (own.line == 0)
      throw load_error(name, "", file.size(),
                       "has no token of rank " + std::to_string(tokens.size()) + " among its " +
                           std::to_string(count) + "; the file is not whole.");
    tokens.push_back(std::string_view(all).substr(own.begin, own.size));
  }
  if (tokens.empty()) throw load_error(name, "", 0, "holds no token.");
  try {
    return tokenizer::vocabulary(tokens);
  } catch (const argument_error& fault) {
    throw load_error(name, "", file.size(), fault.what());
  }
}

/// The vocabulary in a file. Throws load_error.
inline tokenizer::vocabulary load_tiktoken(const std::filesystem::path& path) {
  const mapped_file file(path);
  const auto bytes = file.bytes();
  return read_tiktoken({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace byteloom::inline v0
