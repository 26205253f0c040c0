// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of this composition has state and no default for it; give it to the
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct distance_penalty {
  using axis = bl::axis::score;
  float slope;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score - slope * float(at.query - at.key);
  }
};

bl::attention<bl::heads<4, 2, 64>, distance_penalty> spec;
