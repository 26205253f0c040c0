// SPDX-License-Identifier: Apache-2.0
// COMPILERS: nvcc
// The control of the cases that include device headers.
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

struct distance_penalty {
  using axis = bl::axis::score;
  float slope;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score - slope * float(at.query - at.key);
  }
};

void call(bl::device_view<float, 4> x) {
  bl::attend(bl::cuda::on(),
             bl::attention<bl::heads<4, 4, 64>, bl::mask::causal, distance_penalty>{distance_penalty{1}}, x,
             x, x, x);
}
