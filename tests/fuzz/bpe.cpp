// SPDX-License-Identifier: Apache-2.0
//
// A libFuzzer target: whatever the vocabulary and the text, pieces cover it, its bytes come back, and pairs
// give what the rule says. The first byte says how many tokens the bytes behind it make, the rest is text.
// Build it with
//   clang++ -std=c++20 -Iinclude -fsanitize=fuzzer,address,undefined tests/fuzz/bpe.cpp

#include "byteloom/tokenize/bpe.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace tokenizer = byteloom::tokenizer;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Pattern>
void check(const tokenizer::vocabulary& vocabulary, std::string_view text) {
  const tokenizer::bpe<Pattern> coder(vocabulary);
  require(coder.decode(coder.encode(text)) == text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = Pattern::end_of_piece(text, at);
    require(end > at && end <= text.size());
    const std::string_view piece = text.substr(at, end - at);
    std::vector<byteloom::token> found, wanted;
    coder.merges().encode(piece, found);
    coder.merges().encode_by_rule(piece, wanted);
    if (coder.merges().proper()) require(found == wanted);
    at = end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string all(data + 1, data + size);
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  std::set<std::string> known(tokens.begin(), tokens.end());
  std::size_t at = 0;
  for (int i = 0; i < data[0] % 32 && at < all.size(); ++i) {
    const auto length = 2 + static_cast<std::size_t>(static_cast<unsigned char>(all[at])) % 7;
    const std::string token = all.substr(at, length);
    if (known.insert(token).second) tokens.push_back(token);
    at += length;
  }
  const std::string text = at < all.size() ? all.substr(at) : std::string();
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  const tokenizer::vocabulary vocabulary(views);
  check<tokenizer::pattern::gpt2>(vocabulary, text);
  check<tokenizer::pattern::cl100k>(vocabulary, text);
  check<tokenizer::pattern::o200k>(vocabulary, text);
  check<tokenizer::pattern::qwen35>(vocabulary, text);
  check<tokenizer::pattern::whole>(vocabulary, text);
  return 0;
}
