// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/reference: what an attention means, computed in double precision, one site after the other. It is
// the oracle of every other implementation and made to be read, not to be fast.

#include <cmath>
#include <string>
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::reference {

namespace detail {

/// One head's vector in double precision, prepared, and turned to its place where the policy turns.
template <class Spec, class T>
std::vector<double> turned(const Spec& spec, const host_view<T, 4>& x, bool is_query, index row_of_x,
                           index head, const position::spot& where) {
  std::vector<double> result(static_cast<std::size_t>(x.extent[3]));
  for (index i = 0; i < x.extent[3]; ++i)
    result[static_cast<std::size_t>(i)] =
        static_cast<double>(static_cast<float>(x(where.batch, row_of_x, head, i)));
  if constexpr (Spec::prepares) {
    const auto prepare = spec.prepare();
    typename decltype(prepare)::template state<double> row{};
    for (const double number : result) prepare.add(row, number);
    int dimension = 0;
    for (double& number : result) {
      number = is_query ? prepare.query(row, number, static_cast<int>(head), dimension)
                        : prepare.key(row, number, static_cast<int>(head), dimension);
      ++dimension;
    }
  }
  if constexpr (Spec::position_type::turns) {
    const auto position = spec.position();
    const int size = static_cast<int>(x.extent[3]);
    for (int pair = 0; pair < size / 2; ++pair) {
      double& a = result[static_cast<std::size_t>(position.first_of(pair, size))];
      double& b = result[static_cast<std::size_t>(position.second_of(pair, size))];
      const auto turn = is_query ? position::turn_query<double>(position, where, pair, size)
                                 : position::turn_key<double>(position, where, pair, size);
      const double first = turn.first(a, b);
      b = turn.second(a, b);
      a = first;
    }
  }
  return result;
}

/// What stands before the masks for a row of a call: its keys in order, all of the sequence or those of the
/// query's group.
struct candidates {
  std::vector<int> keys;
  int group = 0;
  int slot = 0;  ///< of the query
};

template <class Spec>
std::vector<candidates> candidates_of(const Spec& spec, int queries, int keys) {
  std::vector<candidates> result(static_cast<std::size_t>(queries));
  if constexpr (Spec::is_grouped) {
    const auto groups = spec.group();
    const int first =
        static_cast<int>(byteloom::detail::first_query_of<typename Spec::group_type>(queries, keys));
    for (int group = 0; group < groups.groups(); ++group) {
      std::vector<int> tokens;
      for (int slot = 0; slot < groups.size(group); ++slot) tokens.push_back(groups.token(group, slot));
      for (int slot = 0; slot < byteloom::detail::queries_of(groups, group); ++slot) {
        const int query = byteloom::detail::query_of(groups, group, slot);
        if (query >= first) result[static_cast<std::size_t>(query - first)] = {tokens, group, slot};
      }
    }
  } else {
    for (auto& own : result)
      for (int key = 0; key < keys; ++key) own.keys.push_back(key);
  }
  return result;
}

/// How many of these keys the masks keep for a row, one by one.
template <class Spec>
int count(const Spec& spec, const row& of, const std::vector<int>& among) {
  int kept = 0;
  for (int key : among)
    kept += spec.keep({of.batch, of.query_head, of.key_head, of.query, key, of.queries, of.keys}) ? 1 : 0;
  return kept;
}

/// The weights of a row's keys for one query head, and what its observers are told.
template <class Spec, class Q, class K>
std::vector<double> weights(const Spec& spec, const host_view<Q, 4>& q, const host_view<K, 4>& k,
                            index row_of_call, const row& own, const candidates& found) {
  const auto normalizer = spec.normalizer();
  const index keys = k.extent[1];
  const auto site_of = [&](std::size_t place) {
    return site{own.batch, own.query_head, own.key_head, own.query, found.keys[place], own.queries, own.keys};
  };
  const auto q_row = turned(spec, q, true, row_of_call, own.query_head, {own.batch, own.query, keys});
  std::vector<double> scores(found.keys.size(), -math::infinity<double>);
  int kept = 0;
  if constexpr (Spec::needs_count) kept = count(spec, own, found.keys);
  const double scale = spec.template row_scale<double>(own, kept);
  for (std::size_t place = 0; place < scores.size(); ++place) {
    const site at = site_of(place);
    if (!spec.keep(at)) continue;
    const auto k_row = turned(spec, k, false, at.key, own.key_head, {own.batch, at.key, keys});
    double dot = 0;
    for (std::size_t i = 0; i < q_row.size(); ++i) dot += q_row[i] * k_row[i];
    const double score = spec.score(dot, at, {found.group, found.slot, static_cast<int>(place)});
    // a key that a score policy hides stays hidden whatever the row's scale is
    scores[place] = score == -math::infinity<double> ? score : score * scale;
  }
  typename Spec::normalizer_type::template state<double> state{};
  double largest = -math::infinity<double>;
  for (double score : scores) largest = math::max(largest, score);
  normalizer.raise(state, largest);
  std::vector<double> result(scores.size());
  for (std::size_t place = 0; place < scores.size(); ++place) {
    result[place] = normalizer.weight(state, scores[place]);
    normalizer.add(state, result[place]);
  }
  if constexpr (Spec::passes == 2) {
    for (std::size_t place = 0; place < scores.size(); ++place)
      result[place] = spec.second(state, site_of(place), kept, scores[place]);
  } else {
    const double factor = normalizer.finish(state, own);
    for (double& weight : result) weight *= factor;
  }
  spec.observe(row_of_call, own, state);
  return result;
}

}  // namespace detail

/// out = attention(q, k, v) as `spec` says; shapes and alignment of queries to keys as in byteloom::attend.
template <attention_spec Spec, class Q, class K, class V>
void attend(const Spec& spec, host_view<Q, 4> q, host_view<K, 4> k, host_view<V, 4> v,
            host_view<double, 4> out) {
  byteloom::detail::require_attend_shapes(spec, q, k, v, out);
  const index queries = q.extent[1];
  const index keys = k.extent[1];
  const auto all = detail::candidates_of(spec, static_cast<int>(queries), static_cast<int>(keys));
  const auto group = static_cast<int>(q.extent[2] / k.extent[2]);
  for (int batch = 0; batch < q.extent[0]; ++batch)
    for (int head = 0; head < out.extent[2]; ++head)
      for (index row_of_call = 0; row_of_call < queries; ++row_of_call) {
        const detail::candidates& found = all[static_cast<std::size_t>(row_of_call)];
        const int value_head = head / group;
        const auto query = static_cast<int>(spec.first_query(queries, keys) + row_of_call);
        const row whole{batch, head, value_head, query, static_cast<int>(queries), static_cast<int>(keys)};
        std::vector<double> weights(found.keys.size());
        for (int map = 0; map < Spec::map_count; ++map) {
          row own = whole;
          own.query_head = head * Spec::map_count + map;
          own.key_head = spec.key_head(own.query_head, group);
          const auto of_map = detail::weights(spec, q, k, row_of_call, own, found);
          const double factor = spec.template map_factor<double>(map, whole);
          for (std::size_t place = 0; place < weights.size(); ++place)
            weights[place] += factor * of_map[place];
        }
        for (index i = 0; i < v.extent[3]; ++i) {
          double sum = 0;
          for (std::size_t place = 0; place < weights.size(); ++place)
            sum += weights[place] *
                   static_cast<double>(static_cast<float>(v(batch, found.keys[place], value_head, i))) *
                   spec.template value_scale<double>(batch, value_head, found.keys[place]);
          out(batch, row_of_call, head, i) = sum;
        }
        spec.template output<double>(
            row_of_call, whole,
            [&](const auto& f) {
              for (int i = 0; i < v.extent[3]; ++i) f(out(batch, row_of_call, head, i), i);
            },
            [](const auto&, auto&) {});
      }
}

}  // namespace byteloom::inline v0::reference
