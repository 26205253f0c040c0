// SPDX-License-Identifier: Apache-2.0

// Our number formats against the toolkit's, on the GPU, where both take other paths than on the host.

#include <doctest/doctest.h>

#include "support/on_device.cuh"
#include "toolkit/floats.hpp"

namespace {

/// A bit for each conversion of ours, and then of the toolkit's, that makes a number of NaN.
__device__ int loses_nan(float x) {
  using byteloom::overflow;
  int lost = 0;
  const auto check = [&](int bit, float back) { lost |= back != back ? 0 : 1 << bit; };
  check(0, byteloom::f16(x));
  check(1, byteloom::bf16(x));
  for (const auto mode : {overflow::special, overflow::saturate}) {
    check(2, byteloom::fp8_e4m3(x, mode));
    check(3, byteloom::fp8_e5m2(x, mode));
  }
  check(4, __half2float(__float2half_rn(x)));
  check(5, __bfloat162float(__float2bfloat16_rn(x)));
  for (const auto mode : {__NV_NOSAT, __NV_SATFINITE}) {
    check(6, test::half_of(__nv_cvt_fp8_to_halfraw(__nv_cvt_float_to_fp8(x, mode, __NV_E4M3), __NV_E4M3)));
    check(7, test::half_of(__nv_cvt_fp8_to_halfraw(__nv_cvt_float_to_fp8(x, mode, __NV_E5M2), __NV_E5M2)));
  }
  return lost;
}

__global__ void compare_kernel(int* differs) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  const float x = test::probe(i);
  differs[i] = test::narrowing_differs(x) | (i < 65536 ? test::widening_differs(i) << 8 : 0) |
               (x != x ? loses_nan(x) << 16 : 0);
}

}  // namespace

TEST_CASE("conversions on the GPU are the toolkit's, and the host's") {
  const auto on = byteloom::cuda::on();
  auto differs = test::to_device(on, std::vector<int>(test::probes, -1));
  compare_kernel<<<test::probes / 256, 256>>>(differs.data());
  REQUIRE(cudaGetLastError() == cudaSuccess);
  std::vector<int> found(test::probes);
  differs.copy_to_host(on, found);
  for (std::uint32_t i = 0; i < test::probes; ++i)
    if (found[i] != 0) {
      CAPTURE(i);
      REQUIRE(found[i] == 0);
    }
}
