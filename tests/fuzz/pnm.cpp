// SPDX-License-Identifier: Apache-2.0
//
// A libFuzzer target: any bytes are an image or a load_error. Build it with
//   clang++ -std=c++20 -Iinclude -fsanitize=fuzzer,address,undefined tests/fuzz/pnm.cpp

#include "byteloom/load/pnm.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  // A heap copy of exactly this size, so that a read past its end is seen.
  const std::vector<std::byte> bytes(input.begin(), input.end());
  try {
    const byteloom::image image = byteloom::read_pnm(bytes, "fuzz");
    require(image.height > 0 && image.width > 0 && (image.channels == 1 || image.channels == 3));
    require(image.samples.size() == static_cast<std::size_t>(image.height * image.width * image.channels));
    for (const auto sample : image.samples) require(sample <= image.maximum);
  } catch (const byteloom::load_error& e) {
    require(e.file() == "fuzz");
    require(e.offset() <= bytes.size());
  }
  return 0;
}
