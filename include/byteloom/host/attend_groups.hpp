// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/attend_groups: attention inside groups of tokens on the host in float. A group of one key-value head
// is a block of rows, its keys are one tile.

#include <Eigen/Core>
#include <algorithm>
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/parallel.hpp"
#include "byteloom/host/stage.hpp"

namespace byteloom::inline v0::host::detail {

/// Rows of one head, named one by one, as floats.
template <class T>
matrix named_rows(const host_view<T, 4>& x, index batch, index head, const std::vector<int>& rows) {
  matrix result(static_cast<index>(rows.size()), x.extent[3]);
  for (index row = 0; row < result.rows(); ++row)
    for (index i = 0; i < x.extent[3]; ++i)
      result(row, i) = static_cast<float>(x(batch, rows[static_cast<std::size_t>(row)], head, i));
  return result;
}

/// What a group asks: its queries as rows of the call, and its keys as positions.
struct group_rows {
  int group;
  std::vector<int> queries;
  std::vector<int> slots;  ///< of the queries
  std::vector<int> keys;
};

template <class Group>
group_rows rows_of_group(const Group& group, int which, int first_query) {
  group_rows result{which, {}, {}, {}};
  for (int slot = 0; slot < group.size(which); ++slot) result.keys.push_back(group.token(which, slot));
  for (int slot = 0; slot < byteloom::detail::queries_of(group, which); ++slot) {
    const int query = byteloom::detail::query_of(group, which, slot) - first_query;
    if (query < 0) continue;
    result.queries.push_back(query);
    result.slots.push_back(slot);
  }
  return result;
}

/// One query head of one group of one sequence.
template <class Spec, class Q, class K, class V, class O>
void attend_group(const Spec& spec, const host_view<Q, 4>& q, const host_view<K, 4>& k,
                  const host_view<V, 4>& v, const host_view<O, 4>& out, index batch, index head,
                  const group_rows& rows, index first_query) {
  const auto normalizer = spec.normalizer();
  const index key_head = head / (q.extent[2] / k.extent[2]);
  const matrix values = named_rows(v, batch, key_head, rows.keys);
  matrix scores =
      named_rows(q, batch, head, rows.queries) * named_rows(k, batch, key_head, rows.keys).transpose();
  for (index r = 0; r < scores.rows(); ++r) {
    const int row_of_call = rows.queries[static_cast<std::size_t>(r)];
    const row own{static_cast<int>(batch),       static_cast<int>(head),
                  static_cast<int>(key_head),    static_cast<int>(first_query) + row_of_call,
                  static_cast<int>(q.extent[1]), static_cast<int>(k.extent[1])};
    const auto site_of = [&](index i) {
      return site{
          own.batch,   own.query_head, own.key_head, own.query, rows.keys[static_cast<std::size_t>(i)],
          own.queries, own.keys};
    };
    int kept = 0;
    if constexpr (Spec::needs_count)
      for (index i = 0; i < scores.cols(); ++i) kept += spec.keep(site_of(i)) ? 1 : 0;
    [[maybe_unused]] const float scale = spec.template row_scale<float>(own, kept);
    typename Spec::normalizer_type::template state<float> state{};
    float largest = -math::infinity<float>;
    for (index i = 0; i < scores.cols(); ++i) {
      float& score = scores(r, i);
      score = spec.keep(site_of(i))
                  ? spec.score(score, site_of(i),
                               {rows.group, rows.slots[static_cast<std::size_t>(r)], static_cast<int>(i)})
                  : -math::infinity<float>;
      if constexpr (Spec::has_row_scale)  // a key that a score policy hides stays hidden
        if (score != -math::infinity<float>) score *= scale;
      largest = std::max(largest, score);
    }
    normalizer.raise(state, largest);
    for (index i = 0; i < scores.cols(); ++i) {
      const float weight = normalizer.weight(state, scores(r, i));
      normalizer.add(state, weight);
      if constexpr (Spec::passes == 1) scores(r, i) = weight;
    }
    float factor = 1.0f;
    if constexpr (Spec::passes == 2) {
      for (index i = 0; i < scores.cols(); ++i)
        scores(r, i) = spec.second(state, site_of(i), kept, scores(r, i));
    } else {
      factor = normalizer.finish(state, own);
    }
    for (index i = 0; i < v.extent[3]; ++i)
      out(batch, row_of_call, head, i) = static_cast<O>(scores.row(r).dot(values.col(i)) * factor);
    spec.observe(row_of_call, own, state);
  }
}

/// out = attention inside the groups of `spec`, over queries and keys that are turned already. Rows of no
/// group are zero.
template <class Spec, class Q, class K, class V, class O>
void attend_groups(executor on, const Spec& spec, const host_view<Q, 4>& q, const host_view<K, 4>& k,
                   const host_view<V, 4>& v, const host_view<O, 4>& out) {
  const auto group = spec.group();
  const index first_query =
      byteloom::detail::first_query_of<typename Spec::group_type>(q.extent[1], k.extent[1]);
  group_rows homeless{};
  std::vector<char> housed(static_cast<std::size_t>(q.extent[1]), 0);
  for (int which = 0; which < group.groups(); ++which)
    for (const int row_of_call : rows_of_group(group, which, static_cast<int>(first_query)).queries)
      housed[static_cast<std::size_t>(row_of_call)] = 1;
  for (std::size_t i = 0; i < housed.size(); ++i)
    if (housed[i] == 0) {
      homeless.queries.push_back(static_cast<int>(i));
      homeless.slots.push_back(0);
    }

  const index problems = group.groups() + 1;  // the last is that of the rows that have no group
  const index items = q.extent[0] * q.extent[2] * problems;
  const double work = 2.0 * static_cast<double>(q.size()) * Spec::group_type::largest;
  parallel_for(on, items, 1, work, [&](index begin, index end) {
    for (index item = begin; item < end; ++item) {
      const index which = item % problems;
      const index head = item / problems % q.extent[2];
      const index batch = item / problems / q.extent[2];
      attend_group(spec, q, k, v, out, batch, head,
                   which == group.groups()
                       ? homeless
                       : rows_of_group(group, static_cast<int>(which), static_cast<int>(first_query)),
                   first_query);
    }
  });
}

}  // namespace byteloom::inline v0::host::detail
