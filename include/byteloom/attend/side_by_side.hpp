// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/side_by_side: ranges of heads that attend by different policies and over different keys, such as
// windows for some heads and pooled keys for the others (Pan et al., HiLo, arXiv 2205.13213). host/merged.hpp
// and cuda/merged.cuh run it.

#include <string>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// The first query heads are those of `A`, the others those of `B`; hooks of each count its heads from 0. Run
/// as attend(on, side_by_side{a, b}, q, k_a, v_a, k_b, v_b, out), where q and out hold all heads and keys and
/// values those of their part. Keys of another number than the queries' need keys::apart.
template <class A, class B>
struct side_by_side {
  static_assert(attention_spec<A> && attention_spec<B>,
                "byteloom: side_by_side<A, B> gives heads to two attention<...>; give it those.");
  A first;
  B second;
};
template <class A, class B>
side_by_side(A, B) -> side_by_side<A, B>;  // clang 14 finds none for an aggregate

/// Heads first, first + 1, ... of x [batch, positions, heads, size].
template <class T, memory Where>
constexpr view<T, 4, Where> heads_of(view<T, 4, Where> x, index first, index count) {
  x.data += first * x.stride[2];
  x.extent[2] = count;
  return x;
}

namespace detail {

/// Calls attend_first(queries, outputs) and attend_second(queries, outputs) on the heads of either part.
/// Throws shape_error.
template <class A, class B, class Q, class O, class First, class Second>
void split_heads(const side_by_side<A, B>& spec, const Q& q, const O& out, const First& attend_first,
                 const Second& attend_second) {
  const index first = spec.first.heads().query, second = spec.second.heads().query;
  const index first_out = first / A::map_count, second_out = second / B::map_count;
  if (q.extent[2] != first + second || out.extent[2] != first_out + second_out)
    throw shape_error("side_by_side: q and out have " + std::to_string(q.extent[2]) + " and " +
                      std::to_string(out.extent[2]) + " heads, but the parts have " + std::to_string(first) +
                      " + " + std::to_string(second) + " query heads and " + std::to_string(first_out) +
                      " + " + std::to_string(second_out) + " of the output.");
  attend_first(heads_of(q, 0, first), heads_of(out, 0, first_out));
  attend_second(heads_of(q, first, second), heads_of(out, first_out, second_out));
}

}  // namespace detail

}  // namespace byteloom::inline v0
