// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention<...> takes policies of the axes heads, position, mask, score, normalizer,
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct elsewhere {
  using axis = int;
};

bl::attention<bl::heads<4, 2, 64>, elsewhere> spec;
