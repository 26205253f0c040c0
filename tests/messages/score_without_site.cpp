// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a score policy is called as policy(score, site); write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct forgets_site {
  using axis = bl::axis::score;
  BYTELOOM_HD float operator()(float score) const { return score; }
};

bl::attention<bl::heads<4, 2, 64>, forgets_site> spec;
