// SPDX-License-Identifier: Apache-2.0
#pragma once

// The walk over tiles of keys that the first and the last row of a tile of queries tell, held against the
// sites that a mask keeps.

#include <algorithm>
#include <map>

#include "byteloom/cuda/fragment/key_range.hpp"

namespace test {

/// Tiles of `Keys` keys that the walk leaves out or visits in vain, or whose sites it tests in vain or does
/// not test, over tiles of `queries` rows. kept(query, key) says what the mask keeps of `keys` positions.
template <int Keys, class Mask, class F>
int range_faults(const Mask& of, byteloom::row head, int queries, const F& kept) {
  int faults = 0;
  const auto row_at = [&](int query) {
    byteloom::row result = head;
    result.query = query;
    return result;
  };
  for (int first = 0; first < head.keys; first += queries) {
    const int last = std::min(first + queries, head.keys) - 1;
    byteloom::cuda::fragment::key_range<Keys> range(of, row_at(first), row_at(last));
    std::map<int, bool> visited;  // whether tested
    for (int tile = range.next(), before = head.keys; tile >= 0; tile = range.next()) {
      faults += tile < before ? 0 : 1;
      before = tile;
      visited[tile] = range.partial();
    }
    for (int tile = 0; tile * Keys < head.keys; ++tile) {
      int some = 0;
      for (int query = first; query <= last; ++query)
        for (int key = tile * Keys; key < std::min((tile + 1) * Keys, head.keys); ++key)
          some += kept(query, key) ? 1 : 0;
      const auto found = visited.find(tile);
      if ((found != visited.end()) != (some != 0)) ++faults;
      if (found != visited.end() && found->second == (some == (last - first + 1) * Keys)) ++faults;
    }
  }
  return faults;
}

}  // namespace test
