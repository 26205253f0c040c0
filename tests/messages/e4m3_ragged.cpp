// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: ragged sequences of fp8_e4m3 are not attended on the device so far; pass bf16 or f16, or sequences of one length.
// COMPILERS: nvcc
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

void call(bl::device_view<const bl::fp8_e4m3, 3> x, bl::ragged<bl::memory::device> sequences,
          bl::device_view<bl::bf16, 3> out) {
  using spec = bl::attention<bl::heads<2, 2, 64>>;
  bl::attend(bl::cuda::on(), spec{}, x, x, x, sequences, out);
}
