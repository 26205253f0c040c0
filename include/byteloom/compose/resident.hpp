// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/resident: a model's weights in the memory of an executor. On the host they are read where they are;
// on a device they are copied once, each matrix into memory of its own.

#include <cstddef>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "byteloom/compose/backend.hpp"
#include "byteloom/compose/model.hpp"

namespace byteloom::inline v0 {

template <class Model, class Executor>
class resident {
 public:
  static constexpr memory where = Executor::where;

  /// `source` stays valid as long as `owner` lives, which this object keeps alive where it reads in place.
  resident(Executor on, const model_weights<Model, memory::host>& source, std::shared_ptr<const void> owner)
      : on_(on) {
    if constexpr (where == memory::host) {
      owner_ = std::move(owner);
      weights_ = source;
    } else {
      weights_.width = source.width;
      weights_.embedding = copy(source.embedding);
      std::apply([&](const auto&... kind) { (copy_blocks(kind), ...); }, source.blocks);
      weights_.head = {copy(source.head.norm, source.width), copy(source.head.matrix)};
    }
  }

  const model_weights<Model, where>& weights() const { return weights_; }

 private:
  using bytes = typename backend<Executor>::template buffer<std::byte>;

  template <class T>
  const T* copy(const T* from, index count) {
    if (from == nullptr || count == 0) return nullptr;
    const index size = count * static_cast<index>(sizeof(T));
    buffers_.emplace_back(on_, static_cast<std::size_t>(size));
    std::byte* to = buffers_.back().data();
    backend<Executor>::upload(on_, to, reinterpret_cast<const std::byte*>(from),
                              static_cast<std::size_t>(size));
    return reinterpret_cast<const T*>(to);
  }

  template <class Norm>
  normed<Norm> copy(const normed<Norm>& from, index width) {
    return {from.norm, copy(from.weight, width), copy(from.bias, width)};
  }

  template <class Format>
  byteloom::weights<Format, where> copy(const byteloom::weights<Format, memory::host>& from) {
    const index code_size = static_cast<index>(size_of(Format::code_element));
    return {copy(from.codes, from.rows * Format::row_codes(from.columns) * code_size),
            copy(from.scales, from.rows * Format::row_scales(from.columns)), copy(from.bias, from.rows),
            from.rows, from.columns};
  }

  template <class T>
  view<const T, 2, where> copy(const view<const T, 2, memory::host>& from) {
    return {copy(from.data, from.size()), from.extent[0], from.extent[1]};
  }

  template <class Weights>
  requires requires(Weights w) { w.position; }
  auto copy(const Weights& from) {
    return typename Model::embedding_type::template weights<where>{copy(from.matrix), copy(from.position)};
  }

  template <class Block>
  void copy_blocks(const std::vector<block_weights<Block, memory::host>>& from) {
    auto& to = std::get<std::vector<block_weights<Block, where>>>(weights_.blocks);
    for (const auto& block : from)
      to.push_back({copy(block.norm_attend, block.qkv.columns), copy(block.qkv), copy(block.out),
                    copy(block.norm_feed, block.up.columns), copy(block.up), copy(block.down)});
  }

  Executor on_;
  std::shared_ptr<const void> owner_;
  std::vector<bytes> buffers_;
  model_weights<Model, where> weights_;
};

}  // namespace byteloom::inline v0
