// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/block: one layer of a transformer, pre-norm: x += out(attend(norm(x))); x += down(feed(norm(x))).
// The type says what the layer means; block_weights are its matrices in some memory; forward is the list of
// fused stages that both backends run.

#include <concepts>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/compose/epilogue.hpp"
#include "byteloom/compose/feed.hpp"
#include "byteloom/compose/norm.hpp"
#include "byteloom/compose/stage.hpp"
#include "byteloom/quantize/linear.hpp"

namespace byteloom::inline v0 {

/// Policies with state are given as members: block{my_attention{my_score{0.5f}}, norm::rms{1e-6f}}.
template <class Norm, class Attention, class Feed, class Linear>
struct block {
  static_assert(
      attention_spec<Attention>,
      "byteloom: the second argument of block<norm, attention, feed, linear> is an attention<...>.");
  static constexpr bool attends_plainly = [] {
    if constexpr (attention_spec<Attention>)
      return !Attention::prepares && !Attention::stands_apart && Attention::map_count == 1;
    return true;
  }();
  static_assert(
      attends_plainly,
      "byteloom: a block's attention is one map a head over the keys of its own sequence, which it turns "
      "but does not prepare otherwise, so far; leave policies of prepare, maps and keys out of it.");
  static_assert(
      norm::policy<Norm>,
      "byteloom: the first argument of block<norm, attention, feed, linear> is a norm, such as norm::rms; "
      "norm::policy says what one of your own offers.");
  static_assert(
      requires { Feed::rows_of_hidden; },
      "byteloom: the third argument of block<norm, attention, feed, linear> is a feed-forward, such as "
      "feed::swiglu.");
  static_assert(
      requires { typename Linear::format; },
      "byteloom: the fourth argument of block<norm, attention, feed, linear> says how its matrices are "
      "stored, such as linear<format::int4<64>>.");
  using norm_type = Norm;
  using attention_type = Attention;
  using feed_type = Feed;
  using linear_type = Linear;

  Attention attention{};
  Norm norm{};

  /// Throws argument_error or shape_error where a policy's state means nothing.
  void validate() const {
    attention.validate();
    if constexpr (requires { norm.validate(); }) norm.validate();
  }
};

/// The matrices of one block. Rows of `qkv`: all query heads, all key heads, all value heads.
template <class Block, memory Where>
struct block_weights {
  using matrix = typename Block::linear_type::template weights<Where>;
  using norm = normed<typename Block::norm_type>;

  norm norm_attend;
  matrix qkv;
  matrix out;
  norm norm_feed;
  matrix up;  ///< gate and up, or up alone, as the feed-forward says
  matrix down;
};

/// What a block works on: `rows` rows of `width` numbers and the scratch between its stages. Row r is query
/// r % queries of sequence r / queries.
template <class Block, memory Where>
struct block_activations {
  using cached = typename Block::attention_type::cache_type::element;

  view<float, 2, Where> x;              ///< [rows, width]; read and updated
  view<float, 4, Where> q;              ///< [batch, queries, query heads, size]
  view<float, 4, Where> mixed;          ///< [batch, queries, query heads, value size], contiguous
  view<float, 2, Where> hidden;         ///< [rows, hidden width]
  view<cached, 4, Where> keys;          ///< [batch, capacity, key heads, size]
  view<cached, 4, Where> values;        ///< [batch, capacity, key heads, value size]
  view<const int, 1, Where> positions;  ///< [rows]: where each row stands in its sequence
  view<const int, 1, Where> lengths;    ///< [batch]: keys of each sequence, this call's included
};

/// Runs one block. Its rows' keys and values are appended to the cache at their positions first.
template <class Executor, class Block, memory Where>
void forward(Executor on, const Block& block, const block_weights<Block, Where>& weights,
             const block_activations<Block, Where>& a) {
  using attention = typename Block::attention_type;
  using identity = epilogue::plain<activation::identity, Where>;
  const index rows = a.x.extent[0];
  const view<const float, 2, Where> x = a.x;
  const view<const float, 2, Where> mixed(a.mixed.data, rows, a.mixed.extent[2] * a.mixed.extent[3]);
  const view<const float, 2, Where> hidden = a.hidden;
  const normed<norm::none> as_is{};

  run(on, stage{source::rows<Where>{x}, weights.norm_attend, weights.qkv,
                epilogue::projection<attention, Where>{a.q, a.keys, a.values, a.positions,
                                                       block.attention.position()},
                rows});
  attend_cached(on, block.attention, view<const float, 4, Where>(a.q),
                view<const typename attention::cache_type::element, 4, Where>(a.keys),
                view<const typename attention::cache_type::element, 4, Where>(a.values), a.lengths, a.mixed);
  run(on, stage{source::rows<Where>{mixed}, as_is, weights.out, identity{a.x, x, {}}, rows});
  run(on,
      stage{source::rows<Where>{x}, weights.norm_feed, weights.up, Block::feed_type::into(a.hidden), rows});
  run(on, stage{source::rows<Where>{hidden}, as_is, weights.down, identity{a.x, x, {}}, rows});
}

}  // namespace byteloom::inline v0
