// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/maps/single: one map of attention for each head of the output, which is what attention without a
// policy on this axis has.
//
// A policy of maps lets `count` neighbouring query heads share one pass over the values: heads<...> counts
// query and key heads as there are, and there are `count` times fewer value heads and heads of the output.
// Output head o is the sum over m of factor(m, row) times what query head count * o + m attends, each map
// with the normalizer's state of its own. Hooks of scores, masks, normalizers and observers see the query
// head; output policies and `factor` the output's.
//
//   static constexpr int count
//   Real factor<Real>(int map, row at)
//   int key_head(int query_head, int group)    // optional; group: query heads per key head

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"

namespace byteloom::inline v0::maps {

struct single {
  using axis = axis::maps;
  static constexpr int count = 1;

  template <class Real>
  BYTELOOM_HD constexpr Real factor(int, row) const {
    return Real(1);
  }
};

}  // namespace byteloom::inline v0::maps
