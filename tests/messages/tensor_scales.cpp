// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has scales, which on tensor cores fp8_e4m3 alone has; multiply bf16 and f16 by them beforehand and leave the policy out, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/scales/per_tensor.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::bf16, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>, bl::scales::per_tensor>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
