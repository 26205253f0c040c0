// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: no tile of the Ampere attention fits so many maps of these head sizes into registers and shared memory; choose smaller heads, or attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::bf16, 4> x) {
  using difference = bl::maps::difference<>;
  bl::attend<bl::path::sm80>(
      bl::cuda::on(), bl::attention<bl::heads<4, 4, 64, 512>, difference>{difference{0.5f}}, x, x, x, x);
}
