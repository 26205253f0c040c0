// SPDX-License-Identifier: Apache-2.0
//
// A libFuzzer target: any bytes are a safetensors file or a load_error. Build it with
//   clang++ -std=c++20 -Iinclude -fsanitize=fuzzer,address,undefined tests/fuzz/safetensors.cpp
// Half of the inputs are taken as a whole file, half as a header alone, to which the right length and some
// data are added: else nearly every mutation would stop at the length.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "byteloom/load/safetensors.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Access>
void try_access(Access&& access) {
  try {
    access();
  } catch (const byteloom::load_error&) {
  }
}

void read(std::span<const std::byte> bytes) {
  try {
    const byteloom::safetensors file(bytes, "fuzz");
    std::uint64_t covered = 0;
    for (const auto& entry : file) {
      std::uint64_t size = byteloom::size_of(entry.type);
      for (const auto axis : entry.shape) size *= static_cast<std::uint64_t>(axis);
      require(size == entry.bytes.size());
      require(entry.begin == covered);
      require(entry.bytes.data() == bytes.data() + file.data_offset() + entry.begin);
      covered = entry.end;
      require(file.find(entry.name) == &entry);
      volatile unsigned sum = 0;
      for (const std::byte b : entry.bytes) sum = sum + std::to_integer<unsigned>(b);
      try_access([&] { (void)file.values<float>(entry.name); });
      try_access([&] { (void)file.tensor<bool, 2>(entry.name); });
      try_access([&] { (void)file.tensor<std::uint8_t, 3>(entry.name); });
      try_access([&] { (void)file.copy<byteloom::bf16>(entry.name); });
    }
    require(file.data_offset() + covered == bytes.size());
    try {
      (void)file.at("weight");
    } catch (const byteloom::load_error& e) {
      require(std::strlen(e.what()) < 2000);
    }
  } catch (const byteloom::load_error& e) {
    require(e.file() == "fuzz");
    require(e.offset() <= bytes.size());
    require(std::strlen(e.what()) < 2000);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  // A file begins with the length of its header, a header with a brace.
  if (size == 0 || data[0] != '{') {
    // A heap copy of exactly this size, so that a read past its end is seen.
    const std::vector<std::byte> whole(input.begin(), input.end());
    read(whole);
    return 0;
  }
  const std::size_t tail = data[size - 1] % 16;
  std::vector<std::byte> file(8 + size + tail);
  const std::uint64_t length = size;
  std::memcpy(file.data(), &length, sizeof length);
  std::copy(input.begin(), input.end(), file.begin() + 8);
  read(file);
  file.resize(8 + size);
  read(file);
  return 0;
}
