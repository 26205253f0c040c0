// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: cover of a mask policy tells what the mask does to a whole tile; write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct covers_a_site {
  using axis = bl::axis::mask;
  BYTELOOM_HD bool keep(bl::site at) const { return at.key == 0; }
  BYTELOOM_HD bool cover(bl::site at) const { return at.key == 0; }
};

bl::attention<bl::heads<4, 2, 64>, covers_a_site> spec;
