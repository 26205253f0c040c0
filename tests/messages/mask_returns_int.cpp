// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: keep(site) of a mask policy returns bool: true where the query sees the key; write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct keeps_a_number {
  using axis = bl::axis::mask;
  BYTELOOM_HD int keep(bl::site at) const { return at.key; }
};

bl::attention<bl::heads<4, 2, 64>, keeps_a_number> spec;
