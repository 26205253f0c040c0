// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/heads: how many heads attend, and their sizes. Fewer key-value heads than query heads share each
// key-value head among a group of query heads (grouped-query attention, Ainslie et al., arXiv 2305.13245;
// one: multi-query).

#include "byteloom/core/axis.hpp"
#include "byteloom/core/extent.hpp"

namespace byteloom::inline v0 {

namespace detail {
BYTELOOM_EXTENT(query)
BYTELOOM_EXTENT(key)
BYTELOOM_EXTENT(size)
BYTELOOM_EXTENT(value_size)
}  // namespace detail

/// `Query` heads of `Size` dimensions over `Key` key-value heads; values may have their own size. Each count
/// is a constant or dynamic: `heads<32, 8, 128>`, or `heads<dynamic, dynamic, 64>{{32}, {8}}`. They are read
/// as the ints query, key (which divides query), size (of queries and keys) and value_size (of values and
/// outputs).
template <int Query, int Key = Query, int Size = dynamic, int ValueSize = Size>
struct heads : detail::query_extent<Query>,
               detail::key_extent<Key>,
               detail::size_extent<Size>,
               detail::value_size_extent<ValueSize> {
  using axis = axis::heads;
  static constexpr int constant_size = Size;
  static constexpr int constant_value_size = ValueSize;
  static_assert(
      Query == dynamic || Key == dynamic || Query % Key == 0,
      "byteloom: the number of query heads must be a multiple of the number of key-value heads; write "
      "heads<query, key_value, size> where the second divides the first.");
};

}  // namespace byteloom::inline v0
