// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/key_range: which tiles of keys a tile of queries visits, where the first and the last of its
// rows tell it (a composition that `rises`): two intervals in place of a question a tile.

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::cuda::fragment {

/// Tiles of `Keys` keys from the last to the first.
template <int Keys>
struct key_range {
  int tile = 0;         ///< the one before is visited next
  int first = 0;        ///< none before it is visited
  int first_whole = 0;  ///< from this on all rows see all of a tile
  int end_whole = 0;    ///< and no longer from this on

  key_range() = default;

  /// For the rows from `front` to `back`, of one head.
  template <class Spec>
  BYTELOOM_HD constexpr key_range(const Spec& spec, const row& front, const row& back) {
    const mask::interval of_front = spec.reach(front);
    const mask::interval of_back = spec.reach(back);
    const int begin = math::max(of_front.first, 0);
    const int end = math::min(of_back.last, front.keys);
    if (end <= begin) return;
    tile = (end + Keys - 1) / Keys;
    first = begin / Keys;
    first_whole = (math::max(of_back.first, 0) + Keys - 1) / Keys;
    end_whole = math::min(of_front.last, front.keys) / Keys;
  }

  /// The next tile's number, or -1 after the last.
  BYTELOOM_HD constexpr int next() {
    if (tile <= first) return -1;
    return --tile;
  }

  /// Whether the sites of the tile that next() gave must be tested.
  BYTELOOM_HD constexpr bool partial() const { return tile < first_whole || tile >= end_whole; }
};

}  // namespace byteloom::inline v0::cuda::fragment
