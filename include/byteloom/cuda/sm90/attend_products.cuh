// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_products: the products of Hopper's attention that do not depend on what its elements are:
// queries with keys.

#include <cstdint>

#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// What the consumers of elements of one kind build their products on.
template <auto Tile, class Call>
struct attend_sm90_key_products {
  using element = typename Call::element;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using score_array = float[Tile.keys / 8][4];

  const Call& call;
  const memory_type& memory;
  int group;

  /// Where the group's queries of a map and the keys of a stage lie.
  struct operands {
    fragment::descriptor queries, keys;
  };
  __device__ operands operands_of(int place, int map, int stage) const {
    const std::uint32_t own = instruction::shared_address(memory.queries(place, group, map));
    return {fragment::descriptor(uniform(own), 16),
            fragment::descriptor(uniform(instruction::shared_address(memory.keys(stage))), 16)};
  }

  /// scores = queries times keys; a commit group of its own.
  __device__ static void multiply_keys(const operands& from, score_array& scores) {
    constexpr int depth = 32 / static_cast<int>(sizeof(element));  // of a product: 32 bytes of a row
    instruction::settle(scores);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < (memory_type::size + depth - 1) / depth; ++k) {
      const int chunk = k / 4;
      const int inside = k % 4 * 32;
      instruction::wgmma<element, Tile.keys>::shared(
          scores, from.queries.at(chunk * Tile.group_rows * fragment::chunk_row_bytes + inside),
          from.keys.at(chunk * Tile.keys * fragment::chunk_row_bytes + inside), k != 0);
    }
    instruction::wgmma_commit();
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
