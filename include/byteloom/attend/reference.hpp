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

/// One head's vector in double precision, turned to its place where the policy turns.
template <class Spec, class T>
std::vector<double> turned(const Spec& spec, const host_view<T, 4>& x, bool is_query, index row_of_x,
                           index head, const position::spot& where) {
  std::vector<double> result(static_cast<std::size_t>(x.extent[3]));
  for (index i = 0; i < x.extent[3]; ++i)
    result[static_cast<std::size_t>(i)] =
        static_cast<double>(static_cast<float>(x(where.batch, row_of_x, head, i)));
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

}  // namespace detail

/// out = attention(q, k, v) as `spec` says; shapes and alignment of queries to keys as in byteloom::attend.
template <attention_spec Spec, class Q, class K, class V>
void attend(const Spec& spec, host_view<Q, 4> q, host_view<K, 4> k, host_view<V, 4> v,
            host_view<double, 4> out) {
  byteloom::detail::require_attend_shapes(spec, q, k, v, out);
  const index queries = q.extent[1];
  const index keys = k.extent[1];
  const index group = q.extent[2] / k.extent[2];
  const index first_query = byteloom::detail::first_query_of<typename Spec::group_type>(queries, keys);
  const auto normalizer = spec.normalizer();
  const auto all = detail::candidates_of(spec, static_cast<int>(queries), static_cast<int>(keys));
  for (index batch = 0; batch < q.extent[0]; ++batch)
    for (index head = 0; head < q.extent[2]; ++head)
      for (index row_of_call = 0; row_of_call < queries; ++row_of_call) {
        const row own{static_cast<int>(batch),        static_cast<int>(head),
                      static_cast<int>(head / group), static_cast<int>(first_query + row_of_call),
                      static_cast<int>(queries),      static_cast<int>(keys)};
        const auto q_row = detail::turned(spec, q, true, row_of_call, head, {own.batch, own.query, keys});
        const detail::candidates& found = all[static_cast<std::size_t>(row_of_call)];
        const std::vector<int>& own_keys = found.keys;
        std::vector<double> scores(own_keys.size(), -math::infinity<double>);
        double scale = 1;
        if constexpr (Spec::has_row_scale)
          scale = spec.template row_scale<double>(own, detail::count(spec, own, own_keys));
        for (std::size_t place = 0; place < own_keys.size(); ++place) {
          const int key = own_keys[place];
          const site at{own.batch, own.query_head, own.key_head, own.query, key, own.queries, own.keys};
          if (!spec.keep(at)) continue;
          const auto k_row = detail::turned(spec, k, false, key, own.key_head, {own.batch, key, keys});
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
        std::vector<double> weights(scores.size());
        for (std::size_t place = 0; place < scores.size(); ++place) {
          weights[place] = normalizer.weight(state, scores[place]);
          normalizer.add(state, weights[place]);
        }
        if constexpr (Spec::passes == 2) {
          for (std::size_t place = 0; place < scores.size(); ++place)
            weights[place] = normalizer.second(state, own, scores[place]);
        } else {
          const double factor = normalizer.finish(state, own);
          for (double& weight : weights) weight *= factor;
        }
        for (index i = 0; i < v.extent[3]; ++i) {
          double sum = 0;
          for (std::size_t place = 0; place < own_keys.size(); ++place)
            sum += weights[place] *
                   static_cast<double>(static_cast<float>(v(batch, own_keys[place], head / group, i)));
          out(batch, row_of_call, head, i) = sum;
        }
        spec.observe(row_of_call, own, state);
      }
}

}  // namespace byteloom::inline v0::reference
