// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a normalizer offers state<Real>, raise, weight, add, merge and finish as
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct no_normalizer {
  using axis = bl::axis::normalizer;
};

bl::attention<bl::heads<4, 2, 64>, no_normalizer> spec;
