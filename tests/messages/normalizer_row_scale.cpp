// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: row_scale of a normalizer is a template on the real type; write 'template <class
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct plain_row_scale : bl::normalizer::softmax {
  BYTELOOM_HD float row_scale(bl::row, int count) const { return static_cast<float>(count); }
};

bl::attention<bl::heads<4, 2, 64>, plain_row_scale> spec;
