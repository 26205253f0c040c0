// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention joins several maps over one value, which path::sm90 does not do so far; choose attend<path::sm80> or path::best.
// COMPILERS: nvcc
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::bf16, 4> x) {
  using difference = bl::maps::difference<>;
  bl::attend<bl::path::sm90>(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>, difference>{difference{0.5f}}, x, x, x, x);
}
