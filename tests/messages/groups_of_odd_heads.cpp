// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention inside groups takes head sizes that are part of heads<...> and multiples of 8 up to
// COMPILERS: nvcc
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 2, 60>, bl::group::windows<8>>;

void call(const spec_type& spec, bl::device_view<bl::bf16, 4> x) {
  bl::attend(bl::cuda::on(), spec, x, x, x, x);
}
