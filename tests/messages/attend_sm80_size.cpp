// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: no tile of the Ampere attention fits these head sizes into registers and shared memory; choose multiples of 8 up to 256, or attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/sm80/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::bf16, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<4, 4, 20>>;
  bl::cuda::detail::attend_sm80<bl::cuda::default_attend_sm80_tuning>(bl::cuda::executor{}, spec{}, x, x, x, out);
}
