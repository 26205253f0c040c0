// SPDX-License-Identifier: Apache-2.0

// Our number formats against the toolkit's, on the GPU, where both take other paths than on the host.

#include <doctest/doctest.h>

#include "support/on_device.cuh"
#include "toolkit/floats.hpp"

namespace {

__global__ void compare_kernel(int* differs) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  differs[i] = test::narrowing_differs(test::probe(i)) | (i < 65536 ? test::widening_differs(i) << 8 : 0);
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
