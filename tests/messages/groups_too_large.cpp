// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a group of this policy's largest size and its heads do not fit the shared memory of a block;
// COMPILERS: nvcc
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 2, 64>, bl::group::windows<1024>>;

void call(const spec_type& spec, bl::device_view<bl::bf16, 4> x) {
  bl::attend(bl::cuda::on(), spec, x, x, x, x);
}
