// SPDX-License-Identifier: Apache-2.0

#include "byteloom/load/mapped_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <type_traits>
#include <utility>

#include "file.hpp"

namespace bl = byteloom;

namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

std::string message_of(const std::filesystem::path& path) {
  try {
    const bl::mapped_file file(path);
  } catch (const bl::load_error& e) {
    CHECK(e.file() == path.string());
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a mapped file shows the file's bytes and survives a move") {
  const test::temporary_file file("mapped", test::bytes_of("weights"));
  bl::mapped_file first(file.path());
  const std::byte* const address = first.bytes().data();
  bl::mapped_file second(std::move(first));
  CHECK(second.bytes().data() == address);
  CHECK(first.bytes().empty());  // NOLINT: a moved-from map is empty
  const test::temporary_file other("mapped-other", test::bytes_of("others"));
  bl::mapped_file third(other.path());
  third = std::move(second);
  const auto shown = third.bytes();
  CHECK(std::string(reinterpret_cast<const char*>(shown.data()), shown.size()) == "weights");
  static_assert(!std::is_copy_constructible_v<bl::mapped_file>);
}

TEST_CASE("an empty file is mapped as no bytes") {
  const test::temporary_file file("empty", test::bytes{});
  CHECK(bl::mapped_file(file.path()).bytes().empty());
}

TEST_CASE("what cannot be mapped is a load_error with the reason, and no descriptor stays open") {
  const std::size_t before = open_descriptors();
  const test::temporary_file pipe("pipe");
  REQUIRE(::mkfifo(pipe.path().c_str(), 0600) == 0);
  const test::temporary_file missing("missing");
  const test::temporary_file good("good", test::bytes_of("x"));
  for (int round = 0; round < 3; ++round) {
    CHECK(message_of(missing.path()).find("No such file") != std::string::npos);
    CHECK(message_of(std::filesystem::temp_directory_path()).find("Is a directory") != std::string::npos);
    CHECK(message_of(pipe.path()).find("not a regular file") != std::string::npos);
    CHECK(message_of(good.path()) == "no error");
  }
  CHECK(open_descriptors() == before);
}
