// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of scales says 'static constexpr int queries_a_scale' and 'keys_a_scale' and offers query<Real>(batch, head, row of the call), key<Real>(batch, head, key) and value<Real>(batch, head, key), which return Real, as scales::per_block does.
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct weightless {
  using axis = bl::axis::scales;
};

bl::attention<bl::heads<4, 2, 64>, weightless> spec;
