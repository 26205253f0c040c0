// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/heads: how many heads attend, and their sizes. Fewer key-value heads than query heads share each
// key-value head among a group of query heads (grouped-query attention, Ainslie et al., arXiv 2305.13245;
// one: multi-query).

#include "byteloom/core/axis.hpp"
#include "byteloom/core/extent.hpp"

namespace byteloom::inline v0 {

/// `Query` heads of `Size` dimensions over `Key` key-value heads; values may have their own size. Each count
/// is a constant or dynamic: `heads<32, 8, 128>`, or `heads<dynamic, dynamic, 64>{{32}, {8}}`.
template <int Query, int Key = Query, int Size = dynamic, int ValueSize = Size>
struct heads {
  using axis = axis::heads;
  static constexpr int constant_size = Size;
  static constexpr int constant_value_size = ValueSize;
  static_assert(
      Query == dynamic || Key == dynamic || Query % Key == 0,
      "byteloom: the number of query heads must be a multiple of the number of key-value heads; write "
      "heads<query, key_value, size> where the second divides the first.");

  [[no_unique_address]] extent<Query, 0> query;           ///< query heads
  [[no_unique_address]] extent<Key, 1> key;               ///< key-value heads; divides `query`
  [[no_unique_address]] extent<Size, 2> size;             ///< dimensions of queries and keys
  [[no_unique_address]] extent<ValueSize, 3> value_size;  ///< dimensions of values and outputs
};

}  // namespace byteloom::inline v0
