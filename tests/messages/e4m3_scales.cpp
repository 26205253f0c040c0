// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the Hopper attention for fp8_e4m3 takes one scale for 64 neighbouring queries (or a multiple) and for 32 keys (or a multiple); choose scales::per_block, or attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/scales/per_tensor.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

struct each_key : bl::scales::per_tensor {
  static constexpr int keys_a_scale = 1;
};

void call(bl::device_view<const bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>, each_key>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, out);
}
