// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/model: the weights of a composed model from a safetensors file. Every tensor is checked against what
// the type and the other tensors say before it is used; weights are read in place from the mapped file.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "byteloom/compose/model.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/load/names.hpp"
#include "byteloom/load/safetensors.hpp"

namespace byteloom::inline v0 {

namespace detail {

/// Reads tensors of one file and keeps what is read.
class model_reader {
 public:
  explicit model_reader(safetensors file) : file_(std::move(file)) {}

  const safetensors& file() const { return file_; }

  [[noreturn]] void fail(const std::string& name, const std::string& sentence) const {
    const tensor_entry& entry = file_.at(name);
    throw load_error(file_.file(), name, file_.data_offset() + entry.begin, sentence);
  }

  /// The numbers of a tensor of this shape, in place where the file aligns them and copied where it does not.
  template <class T>
  const T* numbers(const std::string& name, const std::vector<index>& shape) {
    const tensor_entry& entry = take(name);
    if (entry.type != element_of<T>)
      fail(name, "holds " + std::string(name_of(entry.type)) + " where the model's type says " +
                     std::string(name_of(element_of<T>)) + ".");
    if (entry.shape != shape)
      fail(name,
           "has the shape " + described(entry.shape) + " where the model needs " + described(shape) + ".");
    return aligned<T>(entry);
  }

  /// Rows of a tensor of rank 2 and the given element type.
  std::vector<index> shape_of_matrix(const std::string& name, element type) {
    const tensor_entry& entry = take(name);
    if (entry.type != type)
      fail(name, "holds " + std::string(name_of(entry.type)) + " where the model's type says " +
                     std::string(name_of(type)) + ".");
    if (entry.shape.size() != 2 || entry.shape[0] < 1 || entry.shape[1] < 1)
      fail(name, "has the shape " + described(entry.shape) + " where a matrix is needed.");
    return entry.shape;
  }

  /// A matrix of `columns` columns; the number of rows is the file's, or `rows` where that is not 0.
  template <class Linear>
  auto matrix(const std::string& stem, index columns, index rows = 0) {
    using format = typename Linear::format;
    const std::string name = stem + ".weight";
    const std::vector<index> shape = shape_of_matrix(name, format::code_element);
    if (columns % format::columns_multiple != 0)
      fail(name, "belongs to rows of " + std::to_string(columns) + " numbers, which do not fill groups of " +
                     std::to_string(format::columns_multiple) + ".");
    const std::vector<index> wanted{rows == 0 ? shape[0] : rows, format::row_codes(columns)};
    if (shape != wanted)
      fail(name, "has the shape " + described(shape) + " where the model needs " + described(wanted) + ".");
    weights<format, memory::host> result{file_.at(name).bytes.data(), nullptr, nullptr, wanted[0], columns};
    const index scales = format::row_scales(columns);
    if (scales > 1)
      result.scales = numbers<typename format::scale>(stem + ".scale", {result.rows, scales});
    else if (scales == 1)
      result.scales = scales_of_rows<typename format::scale>(stem + ".scale", result.rows);
    if constexpr (Linear::has_bias) result.bias = numbers<float>(stem + ".bias", {result.rows});
    return result;
  }

  template <class Norm>
  normed<Norm> norm(const Norm& policy, const std::string& stem, index width) {
    normed<Norm> result{policy, nullptr, nullptr};
    if constexpr (Norm::has_weight) result.weight = numbers<float>(stem + ".weight", {width});
    if constexpr (Norm::has_bias) result.bias = numbers<float>(stem + ".bias", {width});
    return result;
  }

  /// Throws load_error where the file holds a tensor that nobody asked for: what it says would be lost.
  void require_all_taken() const {
    for (const tensor_entry& entry : file_)
      if (!taken_.contains(entry.name))
        fail(
            entry.name,
            "is in the file, but the model's type has no place for it: another number of layers, a bias that "
            "linear<...> does not mention, or a name that tensor_names spells differently?");
  }

  static std::string described(const std::vector<index>& shape) {
    std::string result = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return result + "]";
  }

 private:
  const tensor_entry& take(const std::string& name) {
    const tensor_entry& entry = file_.at(name);
    taken_.insert(name);
    return entry;
  }

  /// One scale per row, stored as [rows] or [rows, 1].
  template <class T>
  const T* scales_of_rows(const std::string& name, index rows) {
    const bool column = file_.at(name).shape.size() == 2;
    return numbers<T>(name, column ? std::vector<index>{rows, 1} : std::vector<index>{rows});
  }

  template <class T>
  const T* aligned(const tensor_entry& entry) {
    if (reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % alignof(T) == 0)
      return reinterpret_cast<const T*>(entry.bytes.data());
    auto& copy = copies_.emplace_back(std::make_unique<std::byte[]>(entry.bytes.size()));
    std::memcpy(copy.get(), entry.bytes.data(), entry.bytes.size());
    return reinterpret_cast<const T*>(copy.get());
  }

  safetensors file_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::unique_ptr<std::byte[]>> copies_;
};

template <class Embedding>
requires requires { typename Embedding::element; }
void read_embedding(model_reader& from, const tensor_names& names, const Embedding&,
                    typename Embedding::template weights<memory::host>& to, index& width) {
  using element = typename Embedding::element;
  const std::string name = names.embedding + ".weight";
  const std::vector<index> shape = from.shape_of_matrix(name, element_of<element>);
  to = {from.numbers<element>(name, shape), shape[0], shape[1]};
  width = shape[1];
}

template <class Embedding>
requires requires { typename Embedding::linear_type; }
void read_embedding(model_reader& from, const tensor_names& names, const Embedding&,
                    typename Embedding::template weights<memory::host>& to, index& width) {
  using linear = typename Embedding::linear_type;
  const std::vector<index> position = from.shape_of_matrix(names.position + ".weight", element::f32);
  width = position[1];
  to.position = {from.numbers<float>(names.position + ".weight", position), position[0], position[1]};
  const std::vector<index> shape =
      from.shape_of_matrix(names.embedding + ".weight", linear::format::code_element);
  // A patch's numbers are what the codes of a row hold; int4 holds two a byte.
  const index columns = shape[1] * (linear::format::row_codes(2) == 1 ? 2 : 1);
  to.matrix = from.matrix<linear>(names.embedding, columns, width);
}

template <class Block>
block_weights<Block, memory::host> read_block(model_reader& from, const tensor_names& names,
                                              const Block& block, int layer, index width) {
  using linear = typename Block::linear_type;
  const auto heads = block.attention.heads();
  const auto stem = [&](const std::string& of) { return tensor_names::at(of, layer); };
  const index mixed = index{heads.query} * heads.value_size;
  const index projected = (index{heads.query} + heads.key) * heads.size + index{heads.key} * heads.value_size;
  const std::string feed = stem(names.feed);

  block_weights<Block, memory::host> result;
  result.norm_attend = from.norm(block.norm, stem(names.norm_attend), width);
  result.qkv = from.matrix<linear>(stem(names.qkv), width, projected);
  result.out = from.matrix<linear>(stem(names.out), mixed, width);
  result.norm_feed = from.norm(block.norm, stem(names.norm_feed), width);
  result.up = from.matrix<linear>(feed + Block::feed_type::matrix, width);
  if (result.up.rows % Block::feed_type::rows_of_hidden != 0)
    from.fail(
        feed + Block::feed_type::matrix + ".weight",
        "has " + std::to_string(result.up.rows) + " rows, which gates and what they gate cannot halve.");
  result.down = from.matrix<linear>(feed + "down", result.up.rows / Block::feed_type::rows_of_hidden, width);
  return result;
}

}  // namespace detail

/// Reads the weights of `model` from an opened file. Throws load_error where a tensor is missing, is not what
/// the model's type and the other tensors say, or has no place in the model.
template <class Model>
loaded_model<Model> load_model(safetensors file, const Model& model = {}, const tensor_names& names = {}) {
  auto reader = std::make_shared<detail::model_reader>(std::move(file));
  loaded_model<Model> result{model, {}, reader};
  auto& weights = result.weights;
  detail::read_embedding(*reader, names, model.embedding, weights.embedding, weights.width);
  model.stack.for_each_layer([&](int layer, auto kind, std::size_t, const auto& block) {
    std::get<kind.value>(weights.blocks)
        .push_back(detail::read_block(*reader, names, block, layer, weights.width));
  });
  weights.head.norm = reader->norm(model.head.norm, names.norm_head, weights.width);
  weights.head.matrix =
      reader->template matrix<typename Model::head_type::linear_type>(names.head, weights.width);
  if constexpr (Model::head_type::per_token) {
    const index vocabulary = model.tokenizer.vocabulary();
    if (weights.embedding.extent[0] != vocabulary)
      reader->fail(names.embedding + ".weight", "has " + std::to_string(weights.embedding.extent[0]) +
                                                    " rows, but the tokenizer has " +
                                                    std::to_string(vocabulary) + " tokens.");
    if (weights.head.matrix.rows != vocabulary)
      reader->fail(names.head + ".weight", "has " + std::to_string(weights.head.matrix.rows) +
                                               " rows, but the tokenizer has " + std::to_string(vocabulary) +
                                               " tokens.");
  }
  reader->require_all_taken();
  return result;
}

/// The same from a path.
template <class Model>
loaded_model<Model> load_model(const std::filesystem::path& file, const Model& model = {},
                               const tensor_names& names = {}) {
  return load_model(safetensors(file), model, names);
}

}  // namespace byteloom::inline v0
