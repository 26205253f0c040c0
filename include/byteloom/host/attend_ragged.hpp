// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/attend_ragged: attention on the host over sequences of different lengths, one after the other without
// padding.

#include <algorithm>
#include <vector>

#include "byteloom/attend/ragged.hpp"
#include "byteloom/host/attend.hpp"

namespace byteloom::inline v0 {
namespace host::detail {

/// The rows first..last-1 as a view in which every sequence number finds them.
template <class T>
host_view<T, 4> rows_of_any(const host_view<T, 4>& all, index first, index last) {
  host_view<T, 4> result = all;
  result.data += first * all.stride[1];
  result.extent[1] = last - first;
  result.stride[0] = 0;
  return result;
}

}  // namespace host::detail

/// out = attention(q, k, v) of each sequence: q and out [rows of all queries, query heads, size], k and v
/// [rows of all keys, key heads, size]. Hooks see positions in their own sequence, and its number as
/// site::batch. Throws shape_error.
template <class Spec, class Q, class K, class V, class O>
void attend(host::executor on, const Spec& spec, Q q, K k, V v, const ragged<memory::host>& sequences,
            O out) {
  if constexpr (detail::require_ragged_call<memory::host, Spec, Q, K, V, O>::met) {
    detail::require_ragged_shapes(spec, q, k, v, sequences, out);
    const auto run = [&](const auto& of_queries, const auto& of_keys, const auto& of_values, index b,
                         index queries, index keys) {
      const auto result = host::detail::rows_of_any(detail::as_one_sequence(out), sequences.queries(b),
                                                    sequences.queries(b + 1));
      constexpr index block = 32;  // queries of one head that one thread takes
      const index blocks = (queries + block - 1) / block;
      const double work =
          2.0 * static_cast<double>(queries * q.extent[1] * q.extent[2]) * static_cast<double>(keys);
      host::detail::parallel_for(on, k.extent[1] * blocks, 1, work, [&](index begin, index end) {
        for (index item = begin; item < end; ++item) {
          const index first = item % blocks * block;
          host::detail::attend_head(spec, of_queries, of_keys, of_values, keys, result, b, item / blocks,
                                    first, std::min(queries, first + block));
        }
      });
    };
    for (index b = 0; b < sequences.sequences(); ++b) {
      const auto own_q = host::detail::rows_of_any(detail::as_one_sequence(q), sequences.queries(b),
                                                   sequences.queries(b + 1));
      const auto own_k =
          host::detail::rows_of_any(detail::as_one_sequence(k), sequences.keys(b), sequences.keys(b + 1));
      const auto own_v =
          host::detail::rows_of_any(detail::as_one_sequence(v), sequences.keys(b), sequences.keys(b + 1));
      const index queries = own_q.extent[1];
      const index keys = own_k.extent[1];
      if constexpr (Spec::position_type::turns) {
        const auto turned_q = host::detail::turned(spec.position(), own_q, true, keys - queries, keys, b);
        const auto turned_k = host::detail::turned(spec.position(), own_k, false, 0, keys, b);
        host_view<const float, 4> x(turned_q.data(), 1, queries, q.extent[1], q.extent[2]);
        host_view<const float, 4> y(turned_k.data(), 1, keys, k.extent[1], k.extent[2]);
        run(host::detail::rows_of_any(x, 0, queries), host::detail::rows_of_any(y, 0, keys), own_v, b,
            queries, keys);
      } else {
        run(own_q, own_k, own_v, b, queries, keys);
      }
    }
  }
}

}  // namespace byteloom::inline v0
