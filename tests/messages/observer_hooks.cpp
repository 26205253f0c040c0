// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: an observer offers log_sum(row of the call, row, value) or maximum(row of the call,
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct blind_observer {
  using axis = bl::axis::observe;
};

bl::attention<bl::heads<4, 2, 64>, blind_observer> spec;
