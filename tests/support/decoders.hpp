// SPDX-License-Identifier: Apache-2.0
#pragma once

// Decoders made of the library's blocks, over a prompt and then token by token, as tests run them.

#include <cstddef>
#include <vector>

#include "byteloom/compose/block.hpp"
#include "byteloom/tokenize/token.hpp"
#include "support/layers.hpp"

namespace test {

using dense_linear = bl::linear<bl::format::dense<float>>;

inline bl::host_view<const float, 2> table_of(const dense& x) {
  return {x.dense.data(), x.packed.rows, x.packed.columns};
}

inline rows looked_up(const dense& table, const std::vector<bl::token>& ids) {
  rows result;
  for (const auto id : ids) {
    const auto first = table.dense.begin() + id * table.packed.columns;
    result.emplace_back(first, first + table.packed.columns);
  }
  return result;
}

/// The matrices of one pre-norm block, as both sides read them.
struct decoder_layer {
  norm_weights before_attention, before_feed;
  dense qkv, out, up, down;
};

/// Runs library blocks over a prompt and then over one token at a time, with a cache, and returns the rows of
/// all.
template <class Block>
matrix decoded(const Block& block, const std::vector<decoder_layer>& stack, const matrix& embedded,
               int prompt) {
  const auto heads = block.attention.heads();
  const int tokens = static_cast<int>(embedded.rows);
  std::vector<tensor<float>> keys, values;
  for (std::size_t l = 0; l < stack.size(); ++l) {
    keys.push_back(poisoned_tensor<float>(1, tokens, heads.key, heads.size));
    values.push_back(poisoned_tensor<float>(1, tokens, heads.key, heads.value_size));
  }
  matrix x = embedded;
  for (int first = 0; first < tokens;) {
    const int count = first == 0 ? prompt : 1;
    std::vector<int> places;
    for (int i = 0; i < count; ++i) places.push_back(first + i);
    const std::vector<int> lengths{first + count};
    const bl::host_view<float, 2> own(x.data.data() + first * x.columns, count, x.columns);
    for (std::size_t l = 0; l < stack.size(); ++l) {
      const decoder_layer& layer = stack[l];
      const bl::block_weights<Block, here> weights{
          normed_by(layer.before_attention, block.norm), layer.qkv.view(false), layer.out.view(false),
          normed_by(layer.before_feed, block.norm),      layer.up.view(false),  layer.down.view(false)};
      auto q = poisoned_tensor<float>(1, count, heads.query, heads.size);
      auto mixed = poisoned_tensor<float>(1, count, heads.query, heads.value_size);
      matrix hidden(count, layer.down.packed.columns);
      bl::forward(
          bl::host::here(), block, weights,
          bl::block_activations<Block, here>{own, q.view(), mixed.view(), hidden.view(), keys[l].view(),
                                             values[l].view(), view_of(places), view_of(lengths)});
    }
    first += count;
  }
  return x;
}

}  // namespace test
