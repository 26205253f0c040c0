// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of keys says where the first query stands; write 'BYTELOOM_HD
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct nowhere {
  using axis = bl::axis::keys;
};

bl::attention<bl::heads<4, 2, 64>, nowhere> spec;
