// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: ragged sequences are attended on tensor cores alone; pass queries, keys and values that are all bf16 or all f16, with path::best.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const float, 3> x, bl::ragged<bl::memory::device> sequences,
          bl::device_view<float, 3> out) {
  bl::attend(bl::cuda::on(), bl::attention<bl::heads<2, 2, 64>>{}, x, x, x, sequences, out);
}
