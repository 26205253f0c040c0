// SPDX-License-Identifier: Apache-2.0
// COMPILERS: nvcc
// EXPECT: byteloom: a state that a warp merges is made of 32-bit words; pad it to a multiple of 4 bytes.
#include "byteloom/cuda/warp.cuh"

struct two_bytes {
  short count;
};

__global__ void merge(two_bytes* state) { *state = byteloom::cuda::detail::shuffle_xor(*state, 1); }
