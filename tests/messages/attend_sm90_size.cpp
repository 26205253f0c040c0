// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: no tile of the Hopper attention fits these head sizes into registers and shared memory; choose multiples of 8 up to 256, smaller ones where maps share a value, or attend<path::sm80>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::bf16, 4> x, bl::device_view<bl::bf16, 4> out) {
  bl::attend<bl::path::sm90>(bl::cuda::on(), bl::attention<bl::heads<2, 2, 2048>>{}, x, x, x, out);
}
