// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has output policies, which path::sm90 does not call so far; choose attend<path::sm80> or path::best.
// COMPILERS: nvcc
#include "byteloom/attend/output/norm.hpp"
#include "byteloom/compose/norm.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::bf16, 4> x) {
  using normed = bl::output::norm<bl::norm::rms, bl::memory::device>;
  bl::attend<bl::path::sm90>(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>, normed>{}, x, x, x, x);
}
