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

/// Rows [first, last) of a head of the values as floats, times their scales.
template <class Spec, class T>
matrix value_rows(const Spec& spec, const host_view<T, 4>& v, index batch, index head, index first,
                  index last) {
  matrix result = head_rows(v, batch, head, first, last);
  if constexpr (Spec::has_scales)
    for (index key = first; key < last; ++key)
      result.row(key - first) *= spec.template value_scale<float>(
          static_cast<int>(batch), static_cast<int>(head), static_cast<int>(key));
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

/// The copy of x whose rows, queries or keys, are prepared.
template <class Spec, class T>
std::vector<float> prepared(const Spec& spec, const host_view<T, 4>& x, bool are_queries) {
  std::vector<float> result(static_cast<std::size_t>(x.size()));
  const host_view<float, 4> out(result.data(), x.extent[0], x.extent[1], x.extent[2], x.extent[3]);
  const auto prepare = spec.prepare();
  const int size = static_cast<int>(x.extent[3]);
  for (index batch = 0; batch < x.extent[0]; ++batch)
    for (index row_of_x = 0; row_of_x < x.extent[1]; ++row_of_x)
      for (int head = 0; head < x.extent[2]; ++head) {
        typename decltype(prepare)::template state<float> gathered{};
        for (int i = 0; i < size; ++i) prepare.add(gathered, static_cast<float>(x(batch, row_of_x, head, i)));
        for (int i = 0; i < size; ++i) {
          const float number = static_cast<float>(x(batch, row_of_x, head, i));
          out(batch, row_of_x, head, i) =
              are_queries ? prepare.query(gathered, number, head, i) : prepare.key(gathered, number, head, i);
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

/// One value head of one sequence: queries [first_query, last_query) of all query heads that share it.
template <class Spec, class Q, class K, class V, class O>
void attend_head(const Spec& spec, const host_view<Q, 4>& q, const host_view<K, 4>& k,
                 const host_view<V, 4>& v, index keys, const host_view<O, 4>& out, index batch,
                 index value_head, index first_query, index last_query) {
  constexpr index tile_keys = 64;
  constexpr index maps = Spec::map_count;
  const index heads_a_key = q.extent[2] / k.extent[2];
  const index group = heads_a_key * maps;
  const index first_head = value_head * group;
  const auto key_head_of = [&](index g) {
    return index{spec.key_head(static_cast<int>(first_head + g), static_cast<int>(heads_a_key))};
  };
  const index queries = q.extent[1];
  const index rows_a_head = last_query - first_query;
  const index rows = group * rows_a_head;
  const index offset = spec.first_query(queries, keys);
  const auto normalizer = spec.normalizer();
  using state = typename Spec::normalizer_type::template state<float>;

  matrix x(rows, q.extent[3]);
  for (index g = 0; g < group; ++g)
    x.middleRows(g * rows_a_head, rows_a_head) = head_rows(q, batch, first_head + g, first_query, last_query);
  matrix sums = matrix::Zero(rows, v.extent[3]);
  std::vector<state> states(static_cast<std::size_t>(rows));
  std::vector<row> places;
  std::vector<float> scales(static_cast<std::size_t>(rows), 1.0f);
  std::vector<int> counts(static_cast<std::size_t>(rows));
  for (index r = 0; r < rows; ++r) {
    const index g = r / rows_a_head;
    const row own{static_cast<int>(batch),          static_cast<int>(first_head + g),
                  static_cast<int>(key_head_of(g)), static_cast<int>(offset + first_query + r % rows_a_head),
                  static_cast<int>(queries),        static_cast<int>(keys)};
    places.push_back(own);
    if constexpr (Spec::needs_count) {
      counts[static_cast<std::size_t>(r)] = count_of(spec, own);
      scales[static_cast<std::size_t>(r)] =
          spec.template row_scale<float>(own, counts[static_cast<std::size_t>(r)]);
    }
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
                        static_cast<int>(first_head + g),
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
      matrix scores;
      if constexpr (maps == 1) {
        scores = x * head_rows(k, batch, value_head, first_key, last_key).transpose();
      } else {
        scores.resize(rows, last_key - first_key);
        for (index g = 0; g < group; ++g)
          scores.middleRows(g * rows_a_head, rows_a_head).noalias() =
              x.middleRows(g * rows_a_head, rows_a_head) *
              head_rows(k, batch, key_head_of(g), first_key, last_key).transpose();
      }
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
      sums.noalias() += scores * value_rows(spec, v, batch, value_head, first_key, last_key);
  });
  if constexpr (Spec::passes == 2)
    for_each_tile([&](matrix& scores, index first_key, index last_key) {
      for (index r = 0; r < rows; ++r) {
        const row& own = places[static_cast<std::size_t>(r)];
        site at{own.batch, own.query_head, own.key_head, own.query, 0, own.queries, own.keys};
        for (index i = 0; i < scores.cols(); ++i) {
          at.key = static_cast<int>(first_key + i);
          scores(r, i) = spec.second(states[static_cast<std::size_t>(r)], at,
                                     counts[static_cast<std::size_t>(r)], scores(r, i));
        }
      }
      sums.noalias() += scores * value_rows(spec, v, batch, value_head, first_key, last_key);
    });

  for (index r = 0; r < rows; ++r)
    spec.observe(first_query + r % rows_a_head, places[static_cast<std::size_t>(r)],
                 states[static_cast<std::size_t>(r)]);
  for (index o = 0; o < heads_a_key; ++o)  // heads of the output
    for (index row_of_call = first_query; row_of_call < last_query; ++row_of_call) {
      index r = o * maps * rows_a_head + row_of_call - first_query;
      row whole = places[static_cast<std::size_t>(r)];
      whole.query_head = static_cast<int>(value_head * heads_a_key + o);
      whole.key_head = static_cast<int>(value_head);
      std::vector<float> result(static_cast<std::size_t>(v.extent[3]));
      const host_view<float, 1> numbers(result.data(), v.extent[3]);
      for (int map = 0; map < Spec::map_count; ++map, r += rows_a_head) {
        float factor = spec.template map_factor<float>(map, whole);
        if constexpr (Spec::passes == 1)
          factor *=
              normalizer.finish(states[static_cast<std::size_t>(r)], places[static_cast<std::size_t>(r)]);
        for (index i = 0; i < v.extent[3]; ++i) numbers(i) += sums(r, i) * factor;
      }
      spec.template output<float>(
          row_of_call, whole,
          [&](const auto& f) {
            for (int i = 0; i < v.extent[3]; ++i) f(numbers(i), i);
          },
          [](const auto&, auto&) {});
      for (index i = 0; i < v.extent[3]; ++i)
        out(batch, row_of_call, whole.query_head, i) = static_cast<O>(numbers(i));
    }
}

}  // namespace host::detail

/// Attention over keys that are already prepared and turned (a cache): lengths[b] keys of sequence b count,
/// of which the last q.extent[1] belong to the queries. Queries are prepared and turned too. Throws
/// shape_error.
template <attention_spec Spec, class Q, class K, class V, class O>
void attend_cached(host::executor on, const Spec& spec, host_view<Q, 4> q, host_view<K, 4> k,
                   host_view<V, 4> v, host_view<const int, 1> lengths, host_view<O, 4> out) {
  static_assert(detail::require_policies<memory::host, Spec>::met);
  static_assert(!Spec::is_grouped,
                "byteloom: keys of a cache are attended to without groups; say the groups as a mask such as "
                "mask::documents.");
  detail::require_attend_shapes(spec, q, k, v, out, true);
  detail::require_extent("lengths", "numbers", lengths.extent[0], q.extent[0], "q");
  for (index batch = 0; batch < lengths.extent[0]; ++batch)
    if (lengths(batch) < (Spec::stands_apart ? 0 : q.extent[1]) || lengths(batch) > k.extent[1])
      throw shape_error("attend: sequence " + std::to_string(batch) + " has " +
                        std::to_string(lengths(batch)) + " keys, where its queries need at least " +
                        std::to_string(Spec::stands_apart ? 0 : q.extent[1]) + " and the cache holds " +
                        std::to_string(k.extent[1]) + ".");
  constexpr index block = 32;  // queries of one head that one thread takes
  const index blocks = (q.extent[1] + block - 1) / block;
  const index items = q.extent[0] * v.extent[2] * blocks;
  const double work = 2.0 * static_cast<double>(q.size()) * static_cast<double>(k.extent[1]);
  host::detail::parallel_for(on, items, 1, work, [&](index begin, index end) {
    for (index item = begin; item < end; ++item) {
      const index batch = item / (blocks * v.extent[2]);
      const index value_head = item / blocks % v.extent[2];
      const index first = item % blocks * block;
      host::detail::attend_head(spec, q, k, v, lengths(batch), out, batch, value_head, first,
                                std::min(q.extent[1], first + block));
    }
  });
}

/// out = attention(q, k, v) as `spec` says. q [batch, queries, query heads, size], k [batch, keys, key heads,
/// size], v [batch, keys, key heads, value size], out as q with the value size; strides are free. Where maps
/// share a value, v and out have so many times fewer heads. The queries are the last positions of the keys,
/// unless a policy of keys says otherwise. Throws shape_error.
template <class Spec, class Q, class K, class V, class O>
void attend(host::executor on, const Spec& spec, Q q, K k, V v, O out) {
  if constexpr (detail::require_attend_call<memory::host, Spec, Q, K, V, O>::met) {
    detail::require_attend_shapes(spec, q, k, v, out);
    const std::vector<int> lengths(static_cast<std::size_t>(q.extent[0]), static_cast<int>(k.extent[1]));
    const host_view<const int, 1> all(lengths.data(), q.extent[0]);
    const auto over = [](const std::vector<float>& data, const auto& x) {
      return host_view<const float, 4>(data.data(), x.extent[0], x.extent[1], x.extent[2], x.extent[3]);
    };
    const auto run = [&]<class X, class Y>(const host_view<X, 4>& queries, const host_view<Y, 4>& keys) {
      if constexpr (Spec::is_grouped) {
        host::detail::attend_groups(on, spec, queries, keys, v, out);
      } else {
        attend_cached(on, spec, queries, keys, v, all, out);
      }
    };
    const auto turn_and_attend = [&](const auto& queries, const auto& keys) {
      if constexpr (Spec::position_type::turns) {
        const index first = spec.first_query(q.extent[1], k.extent[1]);
        const auto turned_queries = host::detail::turned(spec.position(), queries, true, first, k.extent[1]);
        const auto turned_keys = host::detail::turned(spec.position(), keys, false, 0, k.extent[1]);
        run(over(turned_queries, q), over(turned_keys, k));
      } else {
        run(queries, keys);
      }
    };
    if constexpr (Spec::prepares) {
      const auto queries = host::detail::prepared(spec, q, true);
      const auto keys = host::detail::prepared(spec, k, false);
      turn_and_attend(over(queries, q), over(keys, k));
    } else {
      turn_and_attend(q, k);
    }
  }
}

}  // namespace byteloom::inline v0
