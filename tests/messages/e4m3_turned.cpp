// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention turns or prepares queries and keys, and what is e4m3 would be rounded once more after it; turn them before they are quantised and leave that policy out here, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>, bl::position::rope<>>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
