// SPDX-License-Identifier: Apache-2.0

#include "byteloom/load/safetensors_writer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "byteloom/load/safetensors.hpp"
#include "file.hpp"

namespace bl = byteloom;

TEST_CASE("the writer's bytes are the format's") {
  bl::safetensors_writer writer;
  const std::vector<std::uint8_t> narrow{7};
  const std::vector<std::uint16_t> wide{0x0102};
  writer.add<std::uint8_t>("n", {1}, narrow);
  writer.add<std::uint16_t>("w", {}, wide);
  writer.set_metadata("k", "v");
  std::string header = R"({"__metadata__":{"k":"v"},"w":{"dtype":"U16","shape":[],"data_offsets":[0,2]},)"
                       R"("n":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  auto expected = test::safetensors_file(header, 0);
  for (const int b : {2, 1, 7}) expected.push_back(static_cast<std::byte>(b));
  CHECK(writer.bytes() == expected);

  const test::temporary_file disk("written.safetensors");
  writer.save(disk.path());
  const bl::mapped_file mapped(disk.path());
  CHECK(test::bytes(mapped.bytes().begin(), mapped.bytes().end()) == expected);
  CHECK(bl::safetensors_writer{}.bytes() == test::safetensors_file("{}      ", 0));
}

TEST_CASE("the writer refuses what the reader would, and stays usable") {
  bl::safetensors_writer writer;
  const std::vector<float> numbers{1.0F, 2.0F};
  writer.add<float>("x", {2}, numbers);
  CHECK_THROWS_AS(writer.add<float>("x", {2}, numbers), bl::argument_error);
  CHECK_THROWS_AS(writer.add<float>("__metadata__", {2}, numbers), bl::argument_error);
  CHECK_THROWS_AS(writer.add<float>("\xff", {2}, numbers), bl::argument_error);
  CHECK_THROWS_AS(writer.set_metadata("k", "\xc3("), bl::argument_error);
  CHECK_THROWS_AS(writer.add<float>("y", {3}, numbers), bl::shape_error);
  CHECK_THROWS_AS(writer.add<float>("y", {-2, -1}, numbers), bl::shape_error);
  CHECK_THROWS_AS(writer.add<float>("y", {0, -1}, {}), bl::shape_error);
  CHECK_THROWS_AS(writer.add<float>("y", {0, bl::index{1} << 62, 8}, {}), bl::shape_error);
  CHECK_THROWS_AS(writer.add<float>("y", {bl::index{1} << 62, 4, 2}, numbers), bl::shape_error);
  writer.add<float>("y", {1, 2}, numbers);
  const auto bytes = writer.bytes();
  CHECK(bl::safetensors(bytes, "after errors").size() == 2);
}

TEST_CASE("a file that cannot be written is an error with the reason, and nothing stays behind") {
  bl::safetensors_writer writer;
  const std::filesystem::path nowhere = std::filesystem::temp_directory_path() / "byteloom-no-folder" / "x";
  CHECK_THROWS_WITH_AS(writer.save(nowhere), doctest::Contains("No such file or directory"), bl::error);

  const test::temporary_file folder("folder");
  std::filesystem::create_directory(folder.path());
  CHECK_THROWS_AS(writer.save(folder.path()), bl::error);
  CHECK(!std::filesystem::exists(folder.path().string() + ".partial"));
}
