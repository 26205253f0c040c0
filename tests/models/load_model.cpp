// SPDX-License-Identifier: Apache-2.0

// Weights that do not fit the model's type or each other: an exception that names file, tensor and offset.

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "support/random.hpp"
#include "support/small_model.hpp"

namespace bl = byteloom;

namespace {

using attend = bl::attention<bl::heads<4, 2, 16>, bl::position::rope<>, bl::mask::causal>;
using stack =
    bl::repeat<1,
               bl::block<bl::norm::layer, attend, bl::feed::swiglu, bl::linear<bl::format::int4<64>, true>>>;
using small = test::small_decoder<stack, bl::norm::rms, bl::linear<bl::format::int8>>;

/// The file of a small decoder, copied tensor by tensor; change(name, entry) may alter one, or drop it by an
/// empty name.
template <class Change>
std::vector<std::byte> rewritten(const small& from, const Change& change) {
  const bl::safetensors original(from.file, "small");
  bl::safetensors_writer result;
  for (const bl::tensor_entry& entry : original) {
    bl::tensor_entry copy = entry;
    std::vector<std::byte> bytes(entry.bytes.begin(), entry.bytes.end());
    change(copy, bytes);
    if (!copy.name.empty()) result.add(copy.name, copy.type, copy.shape, bytes);
  }
  return result.bytes();
}

/// Loads the altered file and gives the error.
template <class Model, class Change>
std::string refusal(const small& from, const Model& model, const std::string& item, const Change& change) {
  const auto bytes = rewritten(from, change);
  try {
    bl::load_model(bl::safetensors(bytes, "small.safetensors"), model);
  } catch (const bl::load_error& failure) {
    CHECK(failure.file() == "small.safetensors");
    CHECK(failure.item() == item);
    CHECK(failure.offset() > 0);
    CHECK(failure.offset() <= bytes.size());
    return failure.what();
  }
  FAIL("the file was accepted");
  return {};
}

/// Replaces the shape of one tensor, with as many zero bytes as that asks for.
auto reshape(const std::string& name, std::vector<bl::index> shape) {
  return [name, shape](bl::tensor_entry& entry, std::vector<std::byte>& bytes) {
    if (entry.name != name) return;
    entry.shape = shape;
    std::size_t size = bl::size_of(entry.type);
    for (const bl::index axis : shape) size *= static_cast<std::size_t>(axis);
    bytes.assign(size, std::byte{0});
  };
}

}  // namespace

TEST_CASE("a file as it was written loads, also where nothing in it is aligned") {
  auto draw = test::generator();
  const small written(draw, stack{}, 64, 128);
  const auto loaded = written.load();
  CHECK(loaded.weights.width == 64);
  CHECK(std::get<0>(loaded.weights.blocks).size() == 1);
  CHECK(std::get<0>(loaded.weights.blocks)[0].down.columns == 128);

  std::vector<std::byte> shifted(1);
  shifted.insert(shifted.end(), written.file.begin(), written.file.end());
  const auto odd = bl::load_model(bl::safetensors(std::span(shifted).subspan(1), "odd"), written.model);
  const float* const weight = odd.weights.head.norm.weight;
  CHECK(reinterpret_cast<std::uintptr_t>(weight) % alignof(float) == 0);
  CHECK(weight[5] == loaded.weights.head.norm.weight[5]);
}

TEST_CASE("what is missing, of another type or another shape is named") {
  auto draw = test::generator();
  const small written(draw, stack{}, 64, 128);
  const auto& model = written.model;
  const std::string qkv = "blocks.0.attend.qkv";

  const auto drop = [](const std::string& name) {
    return [name](bl::tensor_entry& entry, std::vector<std::byte>&) {
      if (entry.name == name) entry.name.clear();
    };
  };
  for (const std::string name :
       {"embed.weight", "head.scale", "norm_head.weight", "blocks.0.attend.qkv.scale",
        "blocks.0.norm_feed.bias", "blocks.0.feed.gate_up.weight", "blocks.0.feed.down.bias"})
    CHECK(refusal(written, model, name, drop(name)).find("is not in the file") != std::string::npos);

  CHECK(refusal(written, model, qkv + ".weight", reshape(qkv + ".weight", {127, 32}))
            .find("has the shape [127, 32] where the model needs [128, 32].") != std::string::npos);
  CHECK(refusal(written, model, qkv + ".weight", reshape(qkv + ".weight", {128, 31})).find("[128, 32]") !=
        std::string::npos);
  CHECK(refusal(written, model, qkv + ".scale", reshape(qkv + ".scale", {128, 2})).find("[128, 1]") !=
        std::string::npos);
  CHECK(refusal(written, model, "norm_head.weight", reshape("norm_head.weight", {63})).find("[64]") !=
        std::string::npos);
  // Whole layers of another height, so that the tensors agree with each other and not with the model.
  const std::string up = "blocks.0.feed.gate_up";
  const auto odd = [&](bl::tensor_entry& entry, std::vector<std::byte>& bytes) {
    reshape(up + ".weight", {255, 32})(entry, bytes);
    reshape(up + ".scale", {255, 1})(entry, bytes);
    reshape(up + ".bias", {255})(entry, bytes);
  };
  CHECK(refusal(written, model, up + ".weight", odd).find("halve") != std::string::npos);
  const auto low = [&](bl::tensor_entry& entry, std::vector<std::byte>& bytes) {
    reshape("head.weight", {250, 64})(entry, bytes);
    reshape("head.scale", {250})(entry, bytes);
  };
  CHECK(refusal(written, model, "head.weight", low).find("has 250 rows") != std::string::npos);

  const auto retype = [](bl::tensor_entry& entry, std::vector<std::byte>&) {
    if (entry.name == "embed.weight") entry.type = bl::element::f16;
  };
  CHECK(refusal(written, model, "embed.weight", retype).find("holds f16 where the model's type says bf16") !=
        std::string::npos);
}

TEST_CASE("a tensor without a place in the model is named") {
  auto draw = test::generator();
  const small written(draw, stack{}, 64, 128);
  // The same file for a model without biases, and for one with fewer layers.
  using own_attend = stack::block<0>::attention_type;
  using feed = stack::block<0>::feed_type;
  using bare = bl::repeat<1, bl::block<bl::norm::layer, own_attend, feed, bl::linear<bl::format::int4<64>>>>;
  const auto refused = [](const auto& file, const auto& model, const char* name) {
    CHECK_THROWS_WITH_AS(bl::load_model(bl::safetensors(file, "extra.safetensors"), model),
                         doctest::Contains(name), bl::load_error);
  };
  refused(written.file,
          bl::model<bl::tokenizer::bytes, decltype(written.model.embedding), bare,
                    decltype(written.model.head)>{},
          "blocks.0.attend.qkv.bias");
  const test::small_decoder<bl::repeat<2, stack::block<0>>, decltype(written.model.head)::norm_type,
                            decltype(written.model.head)::linear_type>
      two(draw, bl::repeat<2, stack::block<0>>{}, 64, 128);
  refused(two.file, written.model, "blocks.1.");
}

TEST_CASE("a tokenizer with another vocabulary is refused") {
  auto draw = test::generator();
  const small written(draw, stack{}, 64, 128);
  auto model = written.model;
  model.tokenizer = bl::tokenizer::bytes({"<one more>"});
  CHECK(refusal(written, model, "embed.weight", [](auto&, auto&) {}).find("the tokenizer has 257 tokens") !=
        std::string::npos);
}
