// SPDX-License-Identifier: Apache-2.0
// COMPILERS: nvcc
// EXPECT: byteloom: what keys a graph is compared byte by byte, so it must be trivially copyable; keep
#include <string>

#include "byteloom/cuda/backend.cuh"

void record(byteloom::cuda::executor on) {
  byteloom::backend<byteloom::cuda::executor>::replay replay;
  replay(on, std::string("key"), [](byteloom::cuda::executor) {});
}
