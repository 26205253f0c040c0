// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a kernel reads device memory, and a policy of this attention holds a view of host
// COMPILERS: nvcc
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 4, 64>, bl::score::key_bias<>>;

void call(const spec_type& spec, bl::device_view<float, 4> x) {
  bl::attend(bl::cuda::on(), spec, x, x, x, x);
}
