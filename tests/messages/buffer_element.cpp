// SPDX-License-Identifier: Apache-2.0
// COMPILERS: nvcc
// EXPECT: byteloom: device memory holds trivially copyable elements; copy what owns memory piece by piece.
#include <string>

#include "byteloom/cuda/buffer.cuh"

constexpr auto size = sizeof(byteloom::cuda::buffer<std::string>);
