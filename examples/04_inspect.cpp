// SPDX-License-Identifier: Apache-2.0
//
// 04_inspect FILE: lists what a safetensors file holds: metadata, then each tensor's name, type, shape, size
// and place in the file. It reads the header alone, so that the size of the file does not matter.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

#include "byteloom/load/safetensors.hpp"

#include "usage.hpp"

namespace {

constexpr const char* usage = "usage: 04_inspect FILE, where FILE is a safetensors file.";

std::string shape_of(const byteloom::tensor_entry& entry) {
  std::string text = "[";
  for (const auto axis : entry.shape) text += (text.size() > 1 ? ", " : "") + std::to_string(axis);
  return text + "]";
}

/// Text from the file may hold anything; control characters would reach the terminal.
std::string safe(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      '?');
  return result;
}

void inspect(const char* path) {
  const byteloom::safetensors file{std::filesystem::path(path)};

  for (const auto& [key, value] : file.metadata()) {
    std::printf("metadata %s = %s\n", safe(key).c_str(), safe(value).c_str());
  }

  std::size_t name_width = 4, shape_width = 5;
  for (const auto& entry : file) {
    name_width = std::max(name_width, entry.name.size());
    shape_width = std::max(shape_width, shape_of(entry).size());
  }
  name_width = std::min<std::size_t>(name_width, 60);
  shape_width = std::min<std::size_t>(shape_width, 30);
  const auto column = [](std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
  };

  std::printf("%s  %-8s  %s  %12s  %12s\n", column("name", name_width).c_str(), "type",
              column("shape", shape_width).c_str(), "bytes", "offset");
  std::uint64_t total = 0;
  for (const auto& entry : file) {
    std::printf("%s  %-8s  %s  %12zu  %12llu\n", column(safe(entry.name), name_width).c_str(),
                std::string(byteloom::name_of(entry.type)).c_str(),
                column(shape_of(entry), shape_width).c_str(), entry.bytes.size(),
                static_cast<unsigned long long>(file.data_offset() + entry.begin));
    total += entry.bytes.size();
  }
  std::printf("%zu tensors, %llu bytes of data after %llu bytes of header\n", file.size(),
              static_cast<unsigned long long>(total), static_cast<unsigned long long>(file.data_offset()));
}

}  // namespace

int main(int argc, char** argv) {
  if (examples::asked_for_help(argc, argv, usage)) return 0;
  if (argc != 2) {
    std::fprintf(stderr, "%s\n", usage);
    return 1;
  }
  try {
    inspect(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
