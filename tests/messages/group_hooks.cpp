// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a group policy says its largest group by 'static constexpr int largest' and offers
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct pairs {
  using axis = bl::axis::group;
  static constexpr int largest = 2;
  int groups() const { return 4; }
  int token(int group, int slot) const { return 2 * group + slot; }
};

bl::attention<bl::heads<4, 2, 64>, pairs> spec;
