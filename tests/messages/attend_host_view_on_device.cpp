// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a kernel reads device memory, and this attend got a view of host memory; copy the data to
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<float, 4> x, bl::host_view<float, 4> near) {
  bl::attend(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>>{}, x, near, x, x);
}
