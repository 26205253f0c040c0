// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention on tensor cores takes head sizes that are part of heads<...> and multiples of 8; write them so, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::bf16, 4> x, bl::device_view<bl::bf16, 4> out) {
  bl::attend(bl::cuda::on(), bl::attention<bl::heads<2, 2, 60>>{}, x, x, x, out);
}
