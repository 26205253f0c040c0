// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: several maps over one value of fp8_e4m3 are attended by path::simt alone so far; choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<4, 4, 64>, bl::maps::difference<>>;
  bl::attend(bl::cuda::on(), spec{bl::maps::difference<>{0.4f}}, x, x, x, out);
}
