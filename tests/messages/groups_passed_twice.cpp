// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this normalizer passes over the keys twice, which attention inside groups does not do so far;
// COMPILERS: nvcc
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/normalizer/clipped_softmax.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 2, 64>, bl::group::windows<8>, bl::normalizer::clipped_softmax>;

void call(const spec_type& spec, bl::device_view<bl::bf16, 4> x) {
  bl::attend(bl::cuda::on(), spec, x, x, x, x);
}
