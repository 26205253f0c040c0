// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a score policy returns the new score as a float; write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct returns_int {
  using axis = bl::axis::score;
  BYTELOOM_HD int operator()(float, bl::site at) const { return at.key; }
};

bl::attention<bl::heads<4, 2, 64>, returns_int> spec;
