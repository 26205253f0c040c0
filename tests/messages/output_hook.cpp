// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: an output policy is called as policy(value, row of the call, row, dimension) and
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct doubled {
  using axis = bl::axis::output;
  BYTELOOM_HD float operator()(float value) const { return 2 * value; }
};

bl::attention<bl::heads<4, 2, 64>, doubled> spec;
