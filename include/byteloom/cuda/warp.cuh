// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/warp: what the 32 lanes of a warp do together.

#include <cstdint>

#include "byteloom/core/bits.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// The value of the lane whose number differs in the bits of `distance`, for any type made of 32-bit words.
template <class T>
__device__ T shuffle_xor(const T& value, int distance) {
  static_assert(
      sizeof(T) % 4 == 0,
      "byteloom: a state that a warp merges is made of 32-bit words; pad it to a multiple of 4 bytes.");
  struct words {
    std::uint32_t word[sizeof(T) / 4];
  };
  words all = bit_cast<words>(value);
#pragma unroll
  for (auto& word : all.word) word = __shfl_xor_sync(0xffffffffu, word, distance);
  return bit_cast<T>(all);
}

__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

__device__ inline float warp_maximum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value = math::max(value, __shfl_xor_sync(0xffffffffu, value, distance));
  return value;
}

/// Every lane's state, merged by the policy; all lanes get it.
template <class Policy, class State>
__device__ void merge_over_warp(const Policy& policy, State& own) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) policy.merge(own, shuffle_xor(own, distance));
}

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
