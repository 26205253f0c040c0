// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/attend: attention on the host in float. All query heads of a key-value head are one block of rows,
// keys pass in tiles, and the hooks of the composition are called on each site that its masks do not rule out
// as a whole.

#include <Eigen/Core>
#include <algorithm>
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/host/attend_groups.hpp"
#include "byteloom/host/parallel.hpp"
#include "byteloom/host/stage.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0 {
namespace host::detail {

/// Rows [first, last) of one head as floats.
template <class T>
matrix head_rows(const host_view<T, 4>& x, index batch, index head, index first, index last) {
  matrix result(last - first, x.extent[3]);
  for (index row = first; row < last; ++row)
    for (index i = 0; i < x.extent[3]; ++i)
      result(row - first, i) = static_cast<float>(x(batch, row, head, i));
  return result;
}

/// The copy of x whose rows, queries or keys of sequences of `length` keys, are turned to positions
/// first_position, first_position + 1, ...
template <class Position, class T>
std::vector<float> turned(const Position& position, const host_view<T, 4>& x, bool are_queries,
                          index first_position, index length, index first_batch = 0) {
  std::vector<float> result(static_cast<std::size_t>(x.size()));
  const host_view<float, 4> out(result.data(), x.extent[0], x.extent[1], x.extent[2], x.extent[3]);
  const int size = static_cast<int>(x.extent[3]);
  constexpr bool same_in_all = byteloom::position::detail::turns_alike<Position, float>;
  const auto turn_of = [&](index batch, index row_of_x, int pair) {
    const byteloom::position::spot where{static_cast<int>(first_batch + batch), first_position + row_of_x,
                                         length};
    return are_queries ? byteloom::position::turn_query<float>(position, where, pair, size)
                       : byteloom::position::turn_key<float>(position, where, pair, size);
  };
  for (index row_of_x = 0; row_of_x < x.extent[1]; ++row_of_x)
    for (int pair = 0; pair < size / 2; ++pair) {
      auto turn = turn_of(0, row_of_x, pair);
      const int a = position.first_of(pair, size);
      const int b = position.second_of(pair, size);
      for (index batch = 0; batch < x.extent[0]; ++batch) {
        if (!same_in_all) turn = turn_of(batch, row_of_x, pair);
        for (index head = 0; head < x.extent[2]; ++head) {
          const float first = static_cast<float>(x(batch, row_of_x, head, a));
          const float second = static_cast<float>(x(batch, row_of_x, head, b));
          out(batch, row_of_x, head, a) = turn.first(first, second);
          out(batch, row_of_x, head, b) = turn.second(first, second);
        }
      }
    }
  return result;
}

/// How many keys the masks keep for a row.
template <class Spec>
int count_of(const Spec& spec, const row& own) {
  int kept = spec.count(own);
  if (kept >= 0) return kept;
  kept = 0;
  for (int key = 0; key < own.keys; ++key)
    kept += spec.keep({own.batch, own.query_head, own.key_head, own.query, key, own.queries, own.keys});
  return kept;
}

/// One key-value head of one sequence: queries [first_query, last_query) of all query heads that share it.
template <class Spec, class Q, class K, class V, class O>
void attend_head(const Spec& spec, const host_view<Q, 4>& q, const host_view<K, 4>& k,
                 const host_view<V, 4>& v, index keys, const host_view<O, 4>& out, index batch,
                 index key_head, index first_query, index last_query) {
  constexpr index tile_keys = 64;
  const index group = q.extent[2] / k.extent[2];
  const index queries = q.extent[1];
  const index rows_a_head = last_query - first_query;
  const index rows = group * rows_a_head;
  const index offset = keys - queries;  // position of query 0
  const auto normalizer = spec.normalizer();
  using state = typename Spec::normalizer_type::template state<float>;

  matrix x(rows, q.extent[3]);
  for (index g = 0; g < group; ++g)
    x.middleRows(g * rows_a_head, rows_a_head) =
        head_rows(q, batch, key_head * group + g, first_query, last_query);
  matrix sums = matrix::Zero(rows, v.extent[3]);
  std::vector<state> states(static_cast<std::size_t>(rows));
  std::vector<row> places;
  std::vector<float> scales(static_cast<std::size_t>(rows), 1.0f);
  for (index r = 0; r < rows; ++r) {
    const row own{static_cast<int>(batch),    static_cast<int>(key_head * group + r / rows_a_head),
                  static_cast<int>(key_head), static_cast<int>(offset + first_query + r % rows_a_head),
                  static_cast<int>(queries),  static_cast<int>(keys)};
    places.push_back(own);
    if constexpr (Spec::has_row_scale)
      scales[static_cast<std::size_t>(r)] = spec.template row_scale<float>(own, count_of(spec, own));
  }

  // Calls each(scores, first_key, last_key) for every tile that some head sees; scores [row, key of the
  // tile].
  const auto for_each_tile = [&](const auto& each) {
    for (index first_key = 0; first_key < keys; first_key += tile_keys) {
      const index last_key = std::min(keys, first_key + tile_keys);
      std::vector<coverage> covers(static_cast<std::size_t>(group));
      bool any = false;
      for (index g = 0; g < group; ++g) {
        const tile over{static_cast<int>(batch),
                        static_cast<int>(key_head * group + g),
                        static_cast<int>(offset + first_query),
                        static_cast<int>(offset + last_query - 1),
                        static_cast<int>(first_key),
                        static_cast<int>(last_key - 1),
                        static_cast<int>(queries),
                        static_cast<int>(keys)};
        covers[static_cast<std::size_t>(g)] = spec.cover(over);
        any = any || covers[static_cast<std::size_t>(g)] != coverage::none;
      }
      if (!any) continue;
      matrix scores = x * head_rows(k, batch, key_head, first_key, last_key).transpose();
      for (index r = 0; r < rows; ++r) {
        const coverage cover = covers[static_cast<std::size_t>(r / rows_a_head)];
        const row& own = places[static_cast<std::size_t>(r)];
        site at{own.batch, own.query_head, own.key_head, own.query, 0, own.queries, own.keys};
        for (index key = first_key; key < last_key; ++key) {
          at.key = static_cast<int>(key);
          float& score = scores(r, key - first_key);
          const bool kept = cover == coverage::full || (cover == coverage::partial && spec.keep(at));
          score = kept ? spec.score(score, at) : -math::infinity<float>;
          if constexpr (Spec::has_row_scale)  // a key that a score policy hides stays hidden
            if (score != -math::infinity<float>) score *= scales[static_cast<std::size_t>(r)];
        }
      }
      each(scores, first_key, last_key);
    }
  };

  for_each_tile([&](matrix& scores, index first_key, index last_key) {
    for (index r = 0; r < rows; ++r) {
      state& own = states[static_cast<std::size_t>(r)];
      float largest = -math::infinity<float>;
      for (index i = 0; i < scores.cols(); ++i) largest = std::max(largest, scores(r, i));
      const float factor = normalizer.raise(own, largest);
      if constexpr (byteloom::detail::rescales<typename Spec::normalizer_type> && Spec::passes == 1)
        sums.row(r) *= factor;
      float weights = 0;
      for (index i = 0; i < scores.cols(); ++i) {
        scores(r, i) = normalizer.weight(own, scores(r, i));
        weights += scores(r, i);
      }
      normalizer.add(own, weights);
    }
    if constexpr (Spec::passes == 1)
      sums.noalias() += scores * head_rows(v, batch, key_head, first_key, last_key);
  });
  if constexpr (Spec::passes == 2)
    for_each_tile([&](matrix& scores, index first_key, index last_key) {
      for (index r = 0; r < rows; ++r)
        for (index i = 0; i < scores.cols(); ++i)
          scores(r, i) = normalizer.second(states[static_cast<std::size_t>(r)],
                                           places[static_cast<std::size_t>(r)], scores(r, i));
      sums.noalias() += scores * head_rows(v, batch, key_head, first_key, last_key);
    });
  for (index r = 0; r < rows; ++r) {
    const state& own = states[static_cast<std::size_t>(r)];
    const row& at = places[static_cast<std::size_t>(r)];
    const float factor = Spec::passes == 2 ? 1.0f : normalizer.finish(own, at);
    const index row_of_call = first_query + r % rows_a_head;
    for (index i = 0; i < v.extent[3]; ++i)
      out(batch, row_of_call, at.query_head, i) = static_cast<O>(sums(r, i) * factor);
    spec.observe(row_of_call, at, own);
  }
}

}  // namespace host::detail

/// Attention over keys that are already turned (a cache): lengths[b] keys of sequence b count, of which the
/// last q.extent[1] belong to the queries. Queries are turned too. Throws shape_error.
template <attention_spec Spec, class Q, class K, class V, class O>
void attend_cached(host::executor on, const Spec& spec, host_view<Q, 4> q, host_view<K, 4> k,
                   host_view<V, 4> v, host_view<const int, 1> lengths, host_view<O, 4> out) {
  static_assert(detail::require_policies<memory::host, Spec>::met);
  static_assert(!Spec::is_grouped,
                "byteloom: keys of a cache are attended to without groups; say the groups as a mask such as "
                "mask::documents.");
  detail::require_attend_shapes(spec, q, k, v, out);
  detail::require_extent("lengths", "numbers", lengths.extent[0], q.extent[0], "q");
  for (index batch = 0; batch < lengths.extent[0]; ++batch)
    if (lengths(batch) < q.extent[1] || lengths(batch) > k.extent[1])
      throw shape_error("attend: sequence " + std::to_string(batch) + " has " +
                        std::to_string(lengths(batch)) + " keys, where its queries need at least " +
                        std::to_string(q.extent[1]) + " and the cache holds " + std::to_string(k.extent[1]) +
                        ".");
  constexpr index block = 32;  // queries of one head that one thread takes
  const index blocks = (q.extent[1] + block - 1) / block;
  const index items = q.extent[0] * k.extent[2] * blocks;
  const double work = 2.0 * static_cast<double>(q.size()) * static_cast<double>(k.extent[1]);
  host::detail::parallel_for(on, items, 1, work, [&](index begin, index end) {
    for (index item = begin; item < end; ++item) {
      const index batch = item / (blocks * k.extent[2]);
      const index key_head = item / blocks % k.extent[2];
      const index first = item % blocks * block;
      host::detail::attend_head(spec, q, k, v, lengths(batch), out, batch, key_head, first,
                                std::min(q.extent[1], first + block));
    }
  });
}

/// out = attention(q, k, v) as `spec` says. q [batch, queries, query heads, size], k [batch, keys, key heads,
/// size], v [batch, keys, key heads, value size], out as q with the value size; strides are free. The queries
/// are the last positions of the keys. Throws shape_error.
template <class Spec, class Q, class K, class V, class O>
void attend(host::executor on, const Spec& spec, Q q, K k, V v, O out) {
  if constexpr (detail::require_attend_call<memory::host, Spec, Q, K, V, O>::met) {
    detail::require_attend_shapes(spec, q, k, v, out);
    const index first_query = detail::first_query_of<typename Spec::group_type>(q.extent[1], k.extent[1]);
    const std::vector<int> lengths(static_cast<std::size_t>(q.extent[0]), static_cast<int>(k.extent[1]));
    const host_view<const int, 1> all(lengths.data(), q.extent[0]);
    const auto run = [&]<class X, class Y>(const host_view<X, 4>& queries, const host_view<Y, 4>& keys) {
      if constexpr (Spec::is_grouped) {
        host::detail::attend_groups(on, spec, queries, keys, v, out);
      } else {
        attend_cached(on, spec, queries, keys, v, all, out);
      }
    };
    if constexpr (Spec::position_type::turns) {
      const auto queries = host::detail::turned(spec.position(), q, true, first_query, k.extent[1]);
      const auto keys = host::detail::turned(spec.position(), k, false, 0, k.extent[1]);
      run(host_view<const float, 4>(queries.data(), q.extent[0], q.extent[1], q.extent[2], q.extent[3]),
          host_view<const float, 4>(keys.data(), k.extent[0], k.extent[1], k.extent[2], k.extent[3]));
    } else {
      run(q, k);
    }
  }
}

}  // namespace byteloom::inline v0
