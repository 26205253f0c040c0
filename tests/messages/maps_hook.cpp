// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of maps says 'static constexpr int count', at least 1, and offers 'template
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct uncounted {
  using axis = bl::axis::maps;
  template <class Real>
  BYTELOOM_HD Real factor(int, bl::row) const {
    return Real(1);
  }
};

bl::attention<bl::heads<4, 2, 64>, uncounted> spec;
