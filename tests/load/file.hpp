// SPDX-License-Identifier: Apache-2.0
#pragma once

// tests/load/file: bytes and files for the tests of load/.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using bytes = std::vector<std::byte>;

inline bytes bytes_of(std::string_view text) {
  const auto part = std::as_bytes(std::span(text));
  return {part.begin(), part.end()};
}

/// A safetensors file: the header's length (that of `header` if none is given), the header, `data` bytes.
inline bytes safetensors_file(std::string_view header, std::size_t data, std::uint64_t length) {
  bytes result(sizeof length);
  std::memcpy(result.data(), &length, sizeof length);
  const auto text = bytes_of(header);
  result.insert(result.end(), text.begin(), text.end());
  for (std::size_t i = 0; i < data; ++i) result.push_back(static_cast<std::byte>(i));
  return result;
}
inline bytes safetensors_file(std::string_view header, std::size_t data) {
  return safetensors_file(header, data, header.size());
}

/// A path of its own, removed at the end.
class temporary_file {
 public:
  explicit temporary_file(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("byteloom-" + std::to_string(::getpid()) + "-" + name)) {}
  temporary_file(const std::string& name, std::span<const std::byte> contents) : temporary_file(name) {
    std::ofstream file(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(contents.size()));
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace test
