// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: no tile of the Hopper attention for fp8_e4m3 fits these head sizes into registers and shared memory; choose multiples of 16 up to 256, smaller ones where maps share a value, or attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64, 512>>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
