// SPDX-License-Identifier: Apache-2.0

#include "byteloom/load/safetensors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "byteloom/load/safetensors_writer.hpp"
#include "file.hpp"

namespace bl = byteloom;

namespace {

template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const bl::load_error& e) {
    return e.what();
  }
  return "no error";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a file lists its tensors in the order of their data") {
  const auto bytes = test::safetensors_file(
      R"( {"z":{"shape":[2,1],"data_offsets":[4,12],"dtype":"F32"},"none":{"dtype":"I64","shape":[3,0,7],)"
      R"("data_offsets":[4,4]},"__metadata__":{"format":"pt","empty":""},)"
      R"("\u00e9":{"dtype":"BF16","shape":[],"data_offsets":[2,4]},)"
      "\n\t"
      R"("a":{"data_offsets":[0,2],"dtype":"BOOL","shape":[2]}}    )",
      12);
  // A leading space is refused; without it the same file is good.
  CHECK_THROWS_AS(bl::safetensors(bytes, "spaced"), bl::load_error);
  auto trimmed = bytes;
  trimmed.erase(trimmed.begin() + 8);
  trimmed[0] = static_cast<std::byte>(std::to_integer<unsigned>(trimmed[0]) - 1);

  const bl::safetensors file(trimmed, "listed");
  REQUIRE(file.size() == 4);
  std::vector<std::string> names;
  for (const auto& entry : file) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"a", "\u00e9", "none", "z"});
  CHECK(file.metadata().size() == 2);
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.data_offset() == trimmed.size() - 12);

  const auto& z = file.at("z");
  CHECK(z.type == bl::element::f32);
  CHECK(z.shape == std::vector<bl::index>{2, 1});
  CHECK(z.begin == 4);
  CHECK(z.end == 12);
  CHECK(z.bytes.size() == 8);
  CHECK(z.bytes[0] == std::byte{4});
  CHECK(file.at("none").bytes.empty());
  CHECK(file.at("none").shape == std::vector<bl::index>{3, 0, 7});
  CHECK(file.at("\u00e9").shape.empty());
  CHECK(file.find("missing") == nullptr);
}

TEST_CASE("a file without tensors is a file") {
  const auto bytes = test::safetensors_file("{}", 0);
  const bl::safetensors file(bytes, "bare");
  CHECK(file.empty());
  CHECK(has(message_of([&] { file.at("x"); }),
            "bare: 'x' at byte 8: is not in the file, which holds 0 tensors."));
}

TEST_CASE("a missing name is answered with the most similar ones") {
  bl::safetensors_writer writer;
  for (const char* name : {"blocks.0.attend.qkv.weight", "blocks.0.attend.qkv.scale",
                           "blocks.1.attend.qkv.weight", "head.weight", "norm"}) {
    writer.add(name, bl::element::u8, {0}, {});
  }
  const auto bytes = writer.bytes();
  const bl::safetensors file(bytes, "names");
  const std::string message = message_of([&] { file.at("blocks.0.attend.qkv.weigth"); });
  CHECK(has(message, "names: 'blocks.0.attend.qkv.weigth' at byte 8"));
  CHECK(has(message,
            "'blocks.0.attend.qkv.weight', 'blocks.0.attend.qkv.scale', 'blocks.1.attend.qkv.weight'."));
  CHECK(has(message_of([&] { file.at("~~~"); }), "which holds 5 tensors."));
  // What two names share is counted once, also where start and end overlap.
  CHECK(bl::detail::likeness("aa", "aaa") == 2);
  CHECK(bl::detail::likeness("a.b.c", "a.x.c") == 4);
}

TEST_CASE("typed access checks type, rank and alignment") {
  const std::vector<float> numbers{1.5F, -2.0F, 3.25F, 0.0F, 7.0F, -0.5F};
  bl::safetensors_writer writer;
  writer.add<float>("w", {2, 3}, numbers);
  writer.add<std::int8_t>("empty", {0, 4}, {});
  const auto bytes = writer.bytes();
  const bl::safetensors file(bytes, "typed");

  const auto flat = file.values<float>("w");
  CHECK(std::vector<float>(flat.begin(), flat.end()) == numbers);
  CHECK(file.copy<float>("w") == numbers);
  const auto w = file.tensor<float, 2>("w");
  CHECK(w.extent[0] == 2);
  CHECK(w.extent[1] == 3);
  CHECK(w(1, 2) == -0.5F);
  CHECK(file.values<std::int8_t>("empty").empty());
  CHECK(file.copy<std::int8_t>("empty").empty());
  CHECK(file.tensor<std::int8_t, 2>("empty").size() == 0);
  CHECK(has(message_of([&] { file.values<bl::bf16>("w"); }), "holds f32 where bf16 is needed"));
  CHECK(has(message_of([&] { (void)file.tensor<float, 3>("w"); }), "has 2 axes where 3 are needed"));

  // The same file, one byte later in memory.
  std::vector<std::byte> shifted(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
  const auto later = std::span<const std::byte>(shifted).subspan(1);
  const bl::safetensors off(later, "shifted");
  const std::string message = message_of([&] { off.values<float>("w"); });
  CHECK(has(message, "shifted: 'w' at byte "));
  CHECK(has(message, "is not aligned to 4 bytes"));
  CHECK(has(message, "copy<T>()"));
  CHECK(off.copy<float>("w") == numbers);
}

TEST_CASE("a boolean that is neither 0 nor 1 is refused where it is read") {
  // The data bytes are 0, 1, 2.
  const auto bytes = test::safetensors_file(R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 3);
  const bl::safetensors file(bytes, "booleans");
  const auto message = message_of([&] { (void)file.values<bool>("b"); });
  CHECK(has(message, ("booleans: 'b' at byte " + std::to_string(bytes.size() - 1)).c_str()));
  CHECK(has(message_of([&] { (void)file.copy<bool>("b"); }), "neither 0 nor 1"));
}

TEST_CASE("a file on disk is mapped, moved and read") {
  const std::vector<std::uint64_t> numbers{1, 1ULL << 63U, ~0ULL};
  bl::safetensors_writer writer;
  writer.add<std::uint64_t>("n", {3}, numbers);
  const test::temporary_file disk("disk.safetensors");
  writer.save(disk.path());

  bl::safetensors first(disk.path());
  bl::safetensors file(std::move(first));
  CHECK(file.copy<std::uint64_t>("n") == numbers);
  CHECK(reinterpret_cast<std::uintptr_t>(file.values<std::uint64_t>("n").data()) % 8 == 0);
  CHECK(file.file() == disk.path().string());
}

TEST_CASE("what the writer writes, the reader reads") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint64_t limit) { return random() % limit; };
  for (int round = 0; round < 200; ++round) {
    struct expected {
      std::string name;
      bl::element type;
      std::vector<bl::index> shape;
      test::bytes data;
    };
    std::vector<expected> all;
    bl::safetensors_writer writer;
    for (std::uint64_t i = below(12); i > 0; --i) {
      expected e;
      e.name = std::to_string(i) + ".\"\\\u03b1\n";
      e.type = static_cast<bl::element>(below(15));
      std::size_t size = bl::size_of(e.type);
      for (std::uint64_t axes = below(5); axes > 0; --axes) {
        e.shape.push_back(static_cast<bl::index>(below(5)));
        size *= static_cast<std::size_t>(e.shape.back());
      }
      for (std::size_t b = 0; b < size; ++b) e.data.push_back(static_cast<std::byte>(random()));
      writer.add(e.name, e.type, e.shape, e.data);
      all.push_back(std::move(e));
    }
    if (below(2) == 1) writer.set_metadata("round\t", std::to_string(round));
    const auto bytes = writer.bytes();
    const bl::safetensors file(bytes, "round trip");
    CHECK(file.data_offset() % 8 == 0);
    REQUIRE(file.size() == all.size());
    for (const auto& e : all) {
      const auto& entry = file.at(e.name);
      CHECK(entry.type == e.type);
      CHECK(entry.shape == e.shape);
      CHECK(test::bytes(entry.bytes.begin(), entry.bytes.end()) == e.data);
      CHECK((file.data_offset() + entry.begin) % bl::size_of(e.type) == 0);
    }
  }
}
