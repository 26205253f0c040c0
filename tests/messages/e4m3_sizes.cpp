// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention of fp8_e4m3 on tensor cores takes head sizes that are part of heads<...> and multiples of 16; write them so, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 72>>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
