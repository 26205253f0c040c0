// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: path::sm80 has no products of fp8_e4m3; choose path::best on a Hopper GPU, or attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>>;
  bl::attend<bl::path::sm80>(bl::cuda::on(), spec{}, x, x, x, out);
}
