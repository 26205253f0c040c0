// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/epilogue: what happens to the products of a stage before they reach memory: an activation and a
// residual, a gate, or the way of queries, keys and values into attention and its cache.
//
// An epilogue offers pairs(columns): how many pairs there are; columns(pair, columns): which they are; and
// store(row, pair, columns, first, second).

#include "byteloom/attend/attention.hpp"
#include "byteloom/compose/activation.hpp"
#include "byteloom/compose/stage.hpp"
#include "byteloom/core/division.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::epilogue {

/// out = activation(y), plus a residual where one is given: row r gets row r % (rows of the residual), so
/// that a table of positions serves a batch. The residual may be `out` itself.
template <class Activation, memory Where, class Out = float>
struct plain {
  view<Out, 2, Where> out;                 ///< [row, column]
  view<const float, 2, Where> residual{};  ///< [row or period, column]; no data: none
  Activation activation{};

  BYTELOOM_HD static constexpr index pairs(index columns) { return (columns + 1) / 2; }
  BYTELOOM_HD static constexpr column_pair columns(index pair, index count) {
    return {2 * pair, 2 * pair + 1 < count ? 2 * pair + 1 : -1};
  }
  BYTELOOM_HD void store(index row, index, column_pair at, float first, float second) const {
    put(row, at.first, first);
    if (at.second >= 0) put(row, at.second, second);
  }

 private:
  BYTELOOM_HD void put(index row, index column, float value) const {
    value = activation(value);
    if (residual.data != nullptr) value += residual(remainder(row, residual.extent[0]), column);
    out(row, column) = static_cast<Out>(value);
  }
};

/// out = activation(gate) * up, where the first half of the columns are gates and the second half what they
/// gate.
template <class Activation, memory Where>
struct gated {
  view<float, 2, Where> out;  ///< [row, half of the columns]
  Activation activation{};

  BYTELOOM_HD static constexpr index pairs(index columns) { return columns / 2; }
  BYTELOOM_HD static constexpr column_pair columns(index pair, index count) {
    return {pair, pair + count / 2};
  }
  BYTELOOM_HD void store(index row, index pair, column_pair, float gate, float up) const {
    out(row, pair) = activation(gate) * up;
  }
};

/// out = own * activation(y) + other * residual: a residual branch whose halves are weighted, such as the
/// Shaped Transformer's (Noci et al., arXiv 2306.17759). The residual may be `out` itself.
template <class Activation, memory Where>
struct blend {
  view<float, 2, Where> out;             ///< [row, column]
  view<const float, 2, Where> residual;  ///< [row, column]
  float own;
  float other;
  Activation activation{};

  BYTELOOM_HD static constexpr index pairs(index columns) { return (columns + 1) / 2; }
  BYTELOOM_HD static constexpr column_pair columns(index pair, index count) {
    return {2 * pair, 2 * pair + 1 < count ? 2 * pair + 1 : -1};
  }
  BYTELOOM_HD void store(index row, index, column_pair at, float first, float second) const {
    put(row, at.first, first);
    if (at.second >= 0) put(row, at.second, second);
  }

 private:
  BYTELOOM_HD void put(index row, index column, float value) const {
    out(row, column) = own * activation(value) + other * residual(row, column);
  }
};

/// out = residual + gate * activation(y), where row r has the gates of condition of_row(r), and gates of 1
/// where that is -1: what adaptive layer norm lets through (Peebles and Xie, DiT, arXiv 2212.09748; its other
/// half is source::modulated). The residual may be `out` itself.
template <class Activation, memory Where>
struct modulated {
  view<float, 2, Where> out;             ///< [row, column]
  view<const float, 2, Where> residual;  ///< [row, column]
  view<const float, 2, Where> gate;      ///< [condition, column]
  view<const int, 1, Where> of_row;      ///< [row]
  Activation activation{};

  BYTELOOM_HD static constexpr index pairs(index columns) { return (columns + 1) / 2; }
  BYTELOOM_HD static constexpr column_pair columns(index pair, index count) {
    return {2 * pair, 2 * pair + 1 < count ? 2 * pair + 1 : -1};
  }
  BYTELOOM_HD void store(index row, index, column_pair at, float first, float second) const {
    put(row, at.first, first);
    if (at.second >= 0) put(row, at.second, second);
  }

 private:
  BYTELOOM_HD void put(index row, index column, float value) const {
    const int condition = of_row(row);
    value = activation(value);
    out(row, column) = residual(row, column) + (condition < 0 ? value : gate(condition, column) * value);
  }
};

/// Two epilogues of one matrix: the first has the first `columns_of_first` columns, the second the others,
/// which count from 0 for it: queries, keys and values in one product with a feed-forward's first half, as a
/// parallel block has them (Dehghani et al., ViT-22B, arXiv 2302.05442).
template <class First, class Second>
struct both {
  index columns_of_first;
  First first;
  Second second;

  BYTELOOM_HD index pairs(index count) const {
    return first.pairs(columns_of_first) + second.pairs(count - columns_of_first);
  }
  BYTELOOM_HD column_pair columns(index pair, index count) const {
    const index pairs_of_first = first.pairs(columns_of_first);
    if (pair < pairs_of_first) return first.columns(pair, columns_of_first);
    const column_pair own = second.columns(pair - pairs_of_first, count - columns_of_first);
    return {own.first + columns_of_first, own.second < 0 ? index{-1} : own.second + columns_of_first};
  }
  BYTELOOM_HD void store(index row, index pair, column_pair at, float one, float other) const {
    if (at.first < columns_of_first) {
      first.store(row, pair, at, one, other);
    } else {
      second.store(row, pair - first.pairs(columns_of_first),
                   {at.first - columns_of_first, at.second < 0 ? index{-1} : at.second - columns_of_first},
                   one, other);
    }
  }
};
template <class First, class Second>
both(index, First, Second) -> both<First, Second>;  // clang 14 finds none for an aggregate

/// Queries, keys and values of one layer: columns are all query heads, then all key heads, then all value
/// heads. Queries and keys are turned by the position policy; queries go to `q`, keys and values to their
/// place in the cache. Row r is query r % queries of sequence r / queries and stands at positions[r].
template <class Attention, memory Where>
struct projection {
  using cached = typename Attention::cache_type::element;
  using turning = typename Attention::position_type;
  static_assert(!byteloom::position::turns_by_length<turning>,
                "byteloom: a cache keeps keys as they were turned, and this position policy turns them by "
                "the length of "
                "the sequence, which grows; choose one that does not, such as xpos with xpos_centre::fixed.");

  view<float, 4, Where> q;              ///< [batch, query, query head, size]
  view<cached, 4, Where> keys;          ///< [batch, position, key head, size]
  view<cached, 4, Where> values;        ///< [batch, position, key head, value size]
  view<const int, 1, Where> positions;  ///< [batch * queries]
  turning position;

  BYTELOOM_HD index pairs(index columns) const {
    return query_and_key_pairs() + (columns - query_and_key_columns() + 1) / 2;
  }

  /// Pairs stay inside a head of queries or keys; where a size is odd, its last column stands alone.
  BYTELOOM_HD column_pair columns(index pair, index count) const {
    const int size = static_cast<int>(q.extent[3]);
    if (pair >= query_and_key_pairs()) {
      const index first = query_and_key_columns() + 2 * (pair - query_and_key_pairs());
      return {first, first + 1 < count ? first + 1 : -1};
    }
    const index head = quotient(pair, pairs_of_head());
    const int in_head = static_cast<int>(remainder(pair, pairs_of_head()));
    if constexpr (turning::turns) {
      return {head * size + position.first_of(in_head, size),
              head * size + position.second_of(in_head, size)};
    } else {
      return {head * size + 2 * in_head, 2 * in_head + 1 < size ? head * size + 2 * in_head + 1 : -1};
    }
  }

  BYTELOOM_HD void store(index row, index pair, column_pair at, float first, float second) const {
    const int size = static_cast<int>(q.extent[3]);
    const index batch = quotient(row, q.extent[1]);
    const index place = positions.data[row * positions.stride[0]];
    const index query_columns = q.extent[2] * size;
    if (at.first < query_and_key_columns()) {
      if constexpr (turning::turns) {
        const int in_head = static_cast<int>(remainder(pair, pairs_of_head()));
        const byteloom::position::spot where{static_cast<int>(batch), place, 0};  // see the assertion above
        const auto turn = at.first < query_columns
                              ? byteloom::position::turn_query<float>(position, where, in_head, size)
                              : byteloom::position::turn_key<float>(position, where, in_head, size);
        const float turned = turn.first(first, second);
        second = turn.second(first, second);
        first = turned;
      }
      if (at.first < query_columns) {
        const index query = remainder(row, q.extent[1]);
        q(batch, query, quotient(at.first, size), remainder(at.first, size)) = first;
        if (at.second >= 0) q(batch, query, quotient(at.second, size), remainder(at.second, size)) = second;
      } else {
        append(keys, batch, place, at.first - query_columns, first);
        if (at.second >= 0) append(keys, batch, place, at.second - query_columns, second);
      }
    } else {
      append(values, batch, place, at.first - query_and_key_columns(), first);
      if (at.second >= 0) append(values, batch, place, at.second - query_and_key_columns(), second);
    }
  }

 private:
  BYTELOOM_HD index query_and_key_columns() const { return (q.extent[2] + keys.extent[2]) * q.extent[3]; }
  BYTELOOM_HD index pairs_of_head() const { return (q.extent[3] + 1) / 2; }
  BYTELOOM_HD index query_and_key_pairs() const { return (q.extent[2] + keys.extent[2]) * pairs_of_head(); }

  BYTELOOM_HD static void append(const view<cached, 4, Where>& cache, index batch, index place, index column,
                                 float value) {
    cache(batch, place, quotient(column, cache.extent[3]), remainder(column, cache.extent[3])) =
        static_cast<cached>(value);
  }
};

}  // namespace byteloom::inline v0::epilogue
