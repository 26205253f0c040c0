// SPDX-License-Identifier: Apache-2.0
// EXPECT: calling a __host__ function("forgets_hd::operator ()
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

struct forgets_hd {
  using axis = bl::axis::score;
  float operator()(float score, bl::site at) const { return score + static_cast<float>(at.key); }
};

void call(bl::device_view<float, 4> x) {
  bl::attend(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>, forgets_hd>{}, x, x, x, x);
}
