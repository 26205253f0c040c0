// SPDX-License-Identifier: Apache-2.0
//
// A libFuzzer target: any bytes are a vocabulary in tiktoken's form or a load_error. Build it with
//   clang++ -std=c++20 -Iinclude -fsanitize=fuzzer,address,undefined tests/fuzz/tiktoken.cpp

#include "byteloom/load/tiktoken.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A heap copy of exactly this size, so that a read past its end is seen.
  const std::string file(data, data + size);
  try {
    const auto tokens = byteloom::read_tiktoken(file, "fuzz");
    require(tokens.size() > 0);
    for (byteloom::token id = 0; id < tokens.size(); ++id) {
      require(!tokens.bytes(id).empty());
      require(tokens.find(tokens.bytes(id)) == id);
      require(tokens.longest(tokens.bytes(id)) == id);
    }
  } catch (const byteloom::load_error& e) {
    require(e.file() == "fuzz");
    require(e.offset() <= size);
  }
  return 0;
}
