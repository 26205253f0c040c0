// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention inside groups takes queries, keys and values that are all bf16 or all f16; convert
// COMPILERS: nvcc
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 2, 64>, bl::group::windows<8>>;

void call(const spec_type& spec, bl::device_view<float, 4> x) {
  bl::attend(bl::cuda::on(), spec, x, x, x, x);
}
