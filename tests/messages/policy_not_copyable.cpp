// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy travels by value into kernels, so it must be trivially copyable; keep data
// behind
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

struct owns_a_table {
  using axis = bl::axis::score;
  std::vector<float> table;
  float operator()(float score, bl::site) const { return score; }
};

bl::attention<bl::heads<4, 2, 64>, owns_a_table> spec{owns_a_table{}};
