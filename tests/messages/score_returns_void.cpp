// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a score policy is called as policy(score, site); write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct returns_nothing {
  using axis = bl::axis::score;
  BYTELOOM_HD void operator()(float, bl::site) const {}
};

bl::attention<bl::heads<4, 2, 64>, returns_nothing> spec;
