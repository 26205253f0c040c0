// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this normalizer passes over the keys twice, which for fp8_e4m3 only path::simt does so far; choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/normalizer/shaped.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>, bl::normalizer::shaped>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
