// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a normalizer says passes = 1, or passes = 2 and offers second(state, row, score) for the
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct twice : bl::normalizer::softmax {
  static constexpr int passes = 2;
};

bl::attention<bl::heads<4, 2, 64>, twice> spec;
