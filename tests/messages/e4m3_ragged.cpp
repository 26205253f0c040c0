// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: ragged sequences of fp8_e4m3 are attended by path::simt alone so far; choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 3> x, bl::ragged<bl::memory::device> sequences,
          bl::device_view<bl::bf16, 3> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, sequences, out);
}
