// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: on tensor cores weights beside fp8_e4m3 values are rounded to e4m3, whose range ends at 448, and this normalizer does not say that its weights end at 1; add 'static constexpr bool at_most_one = true' to it where they do, or choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/normalizer/squared_relu.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>, bl::normalizer::squared_relu>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
