// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a mask policy is asked as policy.keep(site); write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct keeps_nothing {
  using axis = bl::axis::mask;
  BYTELOOM_HD bool operator()(bl::site at) const { return at.key == 0; }
};

bl::attention<bl::heads<4, 2, 64>, keeps_nothing> spec;
