// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has output policies, several maps over one value or keys of another sequence, which for fp8_e4m3 only path::simt honours so far; choose attend<path::simt>.
// COMPILERS: nvcc
#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<bl::fp8_e4m3, 4> x, bl::device_view<bl::bf16, 4> out) {
  bl::attend(bl::cuda::on(), bl::attention<bl::heads<4, 4, 64>, bl::keys::apart>{}, x, x, x, out);
}
