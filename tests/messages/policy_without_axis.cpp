// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: every argument of attention<...> is a policy that names its axis; add a line such as
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct nameless {
  BYTELOOM_HD float operator()(float score, bl::site) const { return score; }
};

bl::attention<bl::heads<4, 2, 64>, nameless> spec;
