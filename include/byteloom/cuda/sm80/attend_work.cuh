// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/attend_work: what a block of Ampere's attention works on: the call, which queries of which head
// are its own, where their sequence lies, and what of it each warp has.

#include <cstdint>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/rotations.cuh"
#include "byteloom/cuda/sm80/attend_tile.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class T, class O, class Offsets, class Rotations = no_rotations>
struct attend_sm80_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;
  static constexpr bool turns_queries = Rotations::turns;  ///< when they have come
  using spec_type = Spec;
  using element = T;
  using out_element = O;

  Spec spec;
  device_view<const T, 4> q, k, v;
  device_view<O, 4> out;
  unsigned group;     ///< query heads of a key head, which are heads of the output of a value head
  bool whole_pieces;  ///< outputs are of type T and may be written 16 bytes at a time
  Offsets offsets;
  Rotations rotations = {};  ///< of queries
};

template <class Tuning, class Call>
inline constexpr attend_sm80_tile attend_sm80_tile_of =
    attend_sm80_tile_by<Tuning, needs_of<typename Call::spec_type>>;

BYTELOOM_KERNELS_BEGIN

/// The compiler takes the value as it is: it neither takes the sums apart that led to it, which would cost an
/// instruction for each address that differs by a constant, nor moves what is made of it out of a loop, which
/// has no registers to spare.
__device__ inline void pin(std::uint32_t& value) { asm volatile("" : "+r"(value)); }

/// threadIdx.x and blockIdx.x, pinned.
__device__ inline unsigned own_thread() {
  std::uint32_t thread = threadIdx.x;
  pin(thread);
  return thread;
}
__device__ inline unsigned own_block() {
  std::uint32_t block = blockIdx.x;
  pin(block);
  return block;
}

/// What a block and its warps have of the call. Heads are those of the output; blockIdx.y is the value head,
/// blockIdx.z the sequence.
template <attend_sm80_tile Tile, class Call>
struct attend_sm80_work {
  using spec_type = typename Call::spec_type;
  static constexpr int maps = Tile.maps;

  /// Number in the call of the first query of a block's tile. The last tiles, which see the most keys under a
  /// causal mask, come first; heads that share keys are neighbours.
  __device__ static int first_row(const Call& call, unsigned block) {
    return static_cast<int>(gridDim.x / call.group - 1 - block / call.group) * Tile.queries();
  }
  __device__ static int output_head(const Call& call, unsigned block) {
    return static_cast<int>(blockIdx.y * call.group + block % call.group);
  }
  __device__ static int query_head(const Call& call, unsigned block, int map) {
    return output_head(call, block) * maps + map;
  }
  __device__ static int key_head(const Call& call, int query_head) {
    if constexpr (maps == 1) return static_cast<int>(blockIdx.y);
    return call.spec.key_head(query_head, static_cast<int>(call.group));
  }

  /// The map that a thread's warp works on, and the number of its first row in the tile.
  __device__ static int map_of(unsigned thread) {
    return maps == 1 ? 0 : static_cast<int>(thread / (32 * Tile.warps));
  }
  __device__ static int warp_row(unsigned thread) {
    const unsigned warp = thread / 32;
    return static_cast<int>(maps == 1 ? warp : warp % Tile.warps) * Tile.warp_queries();
  }

  /// How many queries and keys the block's sequence has, and its first row along the axis of positions.
  __device__ static int queries(const Call& call) {
    if constexpr (Call::ragged)
      return call.offsets.queries(blockIdx.z + 1) - call.offsets.queries(blockIdx.z);
    return static_cast<int>(call.q.extent[1]);
  }
  __device__ static int keys(const Call& call) {
    if constexpr (Call::ragged) return call.offsets.keys(blockIdx.z + 1) - call.offsets.keys(blockIdx.z);
    return static_cast<int>(call.k.extent[1]);
  }
  __device__ static index query_row(const Call& call) {
    if constexpr (Call::ragged) return call.offsets.queries(blockIdx.z);
    return 0;
  }
  __device__ static index key_row(const Call& call) {
    if constexpr (Call::ragged) return call.offsets.keys(blockIdx.z);
    return 0;
  }
  /// Index of the block's sequence along the axis of sequences.
  __device__ static unsigned plane() { return Call::ragged ? 0 : blockIdx.z; }

  /// Position of the sequence's first query. One with more queries than keys breaks the caller's promise
  /// where sequences are ragged; positions stay in range all the same.
  __device__ static int first_query(const Call& call, const site& head) {
    if constexpr (spec_type::stands_apart)
      return static_cast<int>(call.spec.first_query(head.queries, head.keys));
    if constexpr (Call::ragged) return math::max(head.keys - head.queries, 0);
    return head.keys - head.queries;
  }
  /// One past the position of its last.
  __device__ static int end_of_queries(const Call& call, const site& head) {
    if constexpr (spec_type::stands_apart) return first_query(call, head) + head.queries;
    return head.keys;
  }
};

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
