// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a position policy says 'static constexpr bool turns' and, where it is true, offers
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct half_a_rotation {
  using axis = bl::axis::position;
  static constexpr bool turns = true;
};

bl::attention<bl::heads<4, 2, 64>, half_a_rotation> spec;
