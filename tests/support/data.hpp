// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files that are not part of the repository: real vocabularies and what references make of texts. They lie
// in the folder BYTELOOM_TEST_DATA; where it is not set, tests that need them say so and do nothing.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace test {

/// The folder, or nothing, which the test's log then tells.
inline std::optional<std::filesystem::path> data_folder() {
  const char* const folder = std::getenv("BYTELOOM_TEST_DATA");
  if (folder != nullptr && *folder != '\0') return folder;
  MESSAGE("skipped: BYTELOOM_TEST_DATA is not set");
  return std::nullopt;
}

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace test
