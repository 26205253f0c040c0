// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: path::sm80 and path::sm90 take queries, keys and values that are all bf16 or all f16, path::sm90 also all fp8_e4m3; convert them, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const float, 4> x, bl::device_view<float, 4> out) {
  bl::attend<bl::path::sm80>(bl::cuda::on(), bl::attention<bl::heads<2, 2, 64>>{}, x, x, x, out);
}
