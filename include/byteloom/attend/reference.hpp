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

namespace byteloom::inline v0::reference {

namespace detail {

/// One head's vector in double precision, turned to its position where the policy turns.
template <class Spec, class T>
std::vector<double> turned(const Spec& spec, const host_view<T, 4>& x, index batch, index row, index head,
                           index place) {
  std::vector<double> result(static_cast<std::size_t>(x.extent[3]));
  for (index i = 0; i < x.extent[3]; ++i)
    result[static_cast<std::size_t>(i)] = static_cast<double>(static_cast<float>(x(batch, row, head, i)));
  using position = typename Spec::position_type;
  if constexpr (position::turns) {
    const int size = static_cast<int>(x.extent[3]);
    for (int pair = 0; pair < size / 2; ++pair) {
      double& a = result[static_cast<std::size_t>(position::first_of(pair, size))];
      double& b = result[static_cast<std::size_t>(position::second_of(pair, size))];
      const auto turn = spec.position().template at<double>(place, pair, size);
      const double first = turn.first(a, b);
      b = turn.second(a, b);
      a = first;
    }
  }
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
  const index group = q.extent[2] / k.extent[2];
  const auto normalizer = spec.normalizer();
  for (index batch = 0; batch < q.extent[0]; ++batch)
    for (index head = 0; head < q.extent[2]; ++head)
      for (index row = 0; row < queries; ++row) {
        const index query = keys - queries + row;
        const auto q_row = detail::turned(spec, q, batch, row, head, query);
        std::vector<double> scores(static_cast<std::size_t>(keys), -math::infinity<double>);
        for (index key = 0; key < keys; ++key) {
          const site at{static_cast<int>(batch), static_cast<int>(head), static_cast<int>(head / group),
                        static_cast<int>(query), static_cast<int>(key),  static_cast<int>(queries),
                        static_cast<int>(keys)};
          if (!spec.keep(at)) continue;
          const auto k_row = detail::turned(spec, k, batch, key, head / group, key);
          double dot = 0;
          for (std::size_t i = 0; i < q_row.size(); ++i) dot += q_row[i] * k_row[i];
          scores[static_cast<std::size_t>(key)] = spec.score(dot, at);
        }
        typename Spec::normalizer_type::template state<double> state{};
        double largest = -math::infinity<double>;
        for (double score : scores) largest = math::max(largest, score);
        normalizer.raise(state, largest);
        std::vector<double> sum(static_cast<std::size_t>(v.extent[3]), 0.0);
        for (index key = 0; key < keys; ++key) {
          const double weight = normalizer.weight(state, scores[static_cast<std::size_t>(key)]);
          normalizer.add(state, weight);
          for (index i = 0; i < v.extent[3]; ++i)
            sum[static_cast<std::size_t>(i)] +=
                weight * static_cast<double>(static_cast<float>(v(batch, key, head / group, i)));
        }
        const double factor = normalizer.finish(state);
        for (index i = 0; i < v.extent[3]; ++i)
          out(batch, row, head, i) = sum[static_cast<std::size_t>(i)] * factor;
      }
}

}  // namespace byteloom::inline v0::reference
