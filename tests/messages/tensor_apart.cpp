// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention's keys are another sequence's, which path::sm90 does not allow so far; choose attend<path::sm80> or path::best.
// COMPILERS: nvcc
#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::bf16, 4> x) {
  bl::attend<bl::path::sm90>(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>, bl::keys::apart>{}, x, x, x, x);
}
