// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: ragged sequences are attended by path::sm90 alone so far; choose path::best on a Hopper GPU.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::bf16, 3> x, bl::ragged<bl::memory::device> sequences,
          bl::device_view<bl::bf16, 3> out) {
  bl::attend<bl::path::sm80>(bl::cuda::on(), bl::attention<bl::heads<2, 2, 64>>{}, x, x, x, sequences, out);
}
