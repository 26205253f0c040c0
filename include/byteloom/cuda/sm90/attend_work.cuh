// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_work: what a block of Hopper's attention works on: the call, the order of its query tiles,
// where a tile's rows lie, and the block's shared memory.

#include <cuda.h>

#include <cstdint>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/fragment/output_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/rotations.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class T, class O, class Offsets, class Rotations = no_rotations>
struct attend_sm90_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;
  static constexpr bool turns_queries = Rotations::turns;    ///< as they arrive
  static constexpr bool transposes_values = sizeof(T) == 1;  ///< v lies as [sequence, head, dimension, key]
  using spec_type = Spec;
  using element = T;
  using out_element = O;

  CUtensorMap q, k, v, out_map;  ///< out_map where O is T
  Spec spec;
  device_view<O, 4> out;
  Offsets offsets;
  int* taken;  ///< two counters at 0: query tiles taken beyond the first of each block, and blocks that have
               ///< ended
  int batch, queries, keys;  ///< `ragged`: at most so many queries and keys a sequence
  int heads;                 ///< of the output
  int group;                 ///< heads of the output that share a value head
  int query_tiles;           ///< of one head
  int section;               ///< heads that are worked on at a time
  Rotations rotations = {};  ///< of queries
  std::uint32_t none = 0;    ///< see score_rows::stay
};

/// The query tile of a step of a block: its head of the output, and of values. batch is negative past the
/// last one.
struct alignas(16) query_tile {
  int batch, head, value_head, index;
};

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// Query tile `which` in the order of the file's head.
template <class Call>
__device__ query_tile find_query_tile(const Call& call, int which) {
  const int all_heads = call.batch * call.heads;
  if (which >= all_heads * call.query_tiles) return {-1, 0, 0, 0};
  const int section = which / (call.section * call.query_tiles);
  const int inside = which - section * call.section * call.query_tiles;
  const int wide = math::min(call.section, all_heads - section * call.section);
  const int index = inside / wide;
  const int head_of_all = section * call.section + inside - index * wide;
  const int batch = head_of_all / call.heads;
  const int head = head_of_all - batch * call.heads;
  return {batch, head, head / call.group, call.query_tiles - 1 - index};
}

/// What says which tiles of keys are visited.
template <class Call>
__device__ decltype(auto) visits_of(const Call& call) {
  using spec_type = typename Call::spec_type;
  if constexpr (spec_type::map_count == 1) {
    return (call.spec);
  } else {
    return fragment::visits_of_maps<spec_type>{call.spec};
  }
}
template <class Call>
using visits_type_of = std::conditional_t<Call::spec_type::map_count == 1, typename Call::spec_type,
                                          fragment::visits_of_maps<typename Call::spec_type>>;

/// The shared memory of a block.
template <class Call, auto Tile>
struct attend_sm90_memory {
  using heads_type = typename Call::spec_type::heads_type;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int key_bytes = Tile.key_bytes(size);
  static constexpr int value_bytes = Tile.value_bytes(value_size);

  static constexpr bool own_outputs = Tile.own_outputs(size, value_size);
  static constexpr int query_stages = Tile.query_stages(size, value_size);
  static constexpr int work_stages = 4;    ///< the consumers look two ahead of what they finish
  static constexpr int turning_warps = 3;  ///< of the producer's, where queries turn
  static constexpr int first_keys =
      own_outputs ? query_stages * Tile.queries_bytes(size) + Tile.outputs_bytes(value_size)
                  : math::max(Tile.queries_bytes(size), Tile.outputs_bytes(value_size));
  /// From a warpgroup's queries to the next one's. Where outputs take their place they are as wide.
  static constexpr int group_queries_bytes =
      own_outputs ? Tile.queries_bytes(size) / Tile.warpgroups : first_keys / Tile.warpgroups;
  static constexpr int group_outputs_bytes =
      own_outputs ? Tile.outputs_bytes(value_size) / Tile.warpgroups : group_queries_bytes;

  unsigned char* tiles;
  instruction::memory_barrier* barriers;

  __device__ explicit attend_sm90_memory(unsigned char* shared) {
    tiles = shared + (1024 - instruction::shared_address(shared) % 1024) % 1024;
    barriers = reinterpret_cast<instruction::memory_barrier*>(values(Tile.stages));
  }
  /// Starts the barriers; by one thread, before all others go on.
  __device__ void start() const {
    namespace ptx = instruction;
    constexpr unsigned warps = 4 * Tile.warpgroups;
    for (int place = 0; place < query_stages; ++place) {
      ptx::barrier_start(queries_full(place), Call::turns_queries ? turning_warps : 1);
      if (Call::turns_queries) ptx::barrier_start(queries_came(place), 1);
      ptx::barrier_start(queries_empty(place), warps);
    }
    for (int place = 0; place < work_stages; ++place) {
      ptx::barrier_start(work_full(place), 1);
      ptx::barrier_start(work_empty(place), warps);
    }
    for (int stage = 0; stage < Tile.stages; ++stage) {
      ptx::barrier_start(keys_full(stage), 1);
      ptx::barrier_start(keys_empty(stage), warps);
      ptx::barrier_start(values_full(stage), 1);
      ptx::barrier_start(values_empty(stage), warps);
    }
    if (Call::ragged) ptx::barrier_start(tail_full(), 1);
    ptx::barrier_publish();
  }

  /// Queries of a warpgroup for one map, a tile of 64 rows.
  __device__ unsigned char* queries(int place, int group, int map) const {
    return tiles + place * Tile.queries_bytes(size) + group * group_queries_bytes +
           map * fragment::tile_bytes(Tile.group_rows, size, Tile.element_bytes);
  }
  /// Outputs of a warpgroup, a tile of 64 rows.
  __device__ unsigned char* outputs(int group) const {
    return tiles + (own_outputs ? query_stages * Tile.queries_bytes(size) : 0) + group * group_outputs_bytes;
  }
  __device__ unsigned char* keys(int stage) const { return tiles + first_keys + stage * key_bytes; }
  __device__ unsigned char* values(int stage) const { return keys(Tile.stages) + stage * value_bytes; }
  __device__ instruction::memory_barrier& keys_full(int stage) const { return ring(0)[stage]; }
  __device__ instruction::memory_barrier& keys_empty(int stage) const { return ring(1)[stage]; }
  __device__ instruction::memory_barrier& values_full(int stage) const { return ring(2)[stage]; }
  __device__ instruction::memory_barrier& values_empty(int stage) const { return ring(3)[stage]; }
  __device__ instruction::memory_barrier& queries_full(int place) const { return ring(4)[place]; }
  __device__ instruction::memory_barrier& queries_empty(int place) const { return ring(4)[2 + place]; }
  __device__ instruction::memory_barrier& work_full(int place) const { return ring(4)[4 + place]; }
  __device__ instruction::memory_barrier& work_empty(int place) const { return ring(4)[8 + place]; }
  /// Query tiles on their way from the producer to the consumers.
  __device__ query_tile& work(int place) const { return reinterpret_cast<query_tile*>(ring(4) + 12)[place]; }
  /// Of values that the producer must see itself.
  __device__ instruction::memory_barrier& tail_full() const { return ring(4)[20]; }
  /// Of queries that are to be turned yet, before they are full, and the place of their work, or -1 where no
  /// more come.
  __device__ instruction::memory_barrier& queries_came(int place) const { return ring(4)[21 + place]; }
  __device__ int& work_of_queries(int place) const { return reinterpret_cast<int*>(ring(4) + 23)[place]; }

 private:
  /// Rings of as many barriers as stages, then what has two places.
  __device__ instruction::memory_barrier* ring(int which) const { return barriers + which * Tile.stages; }
};

/// What all lanes of a warp have alike, said so that the compiler knows it: products read descriptors from
/// uniform registers, and what is not known to be uniform is moved there word by word between them. Made anew
/// for each product, too: kept from tile to tile they would not fit.
__device__ inline std::uint32_t uniform(std::uint32_t value) { return __shfl_sync(0xffffffffu, value, 0); }

/// A place in a ring of `Stages`, in one register.
template <int Stages>
struct ring_cursor {
  unsigned count = 0;
  __device__ int stage() const { return static_cast<int>(count % Stages); }
  __device__ std::uint32_t parity() const { return count / Stages % 2; }
  __device__ void advance() { ++count; }
};

/// The query positions of a tile, its head as a site, and where its sequence lies.
template <class Call>
struct query_rows {
  using spec_type = typename Call::spec_type;
  site head;               ///< of the output
  int first_row;           ///< of the sequence's queries, in the tile
  int first, last;         ///< positions; `last` is that of the tile's last query that exists
  int query_row, key_row;  ///< of the sequence's first query and key along the axis of positions
  int plane;               ///< of the sequence along the axis of sequences

  query_rows() = default;
  __device__ query_rows(const Call& call, query_tile which, int rows)
      : head{which.batch, which.head, which.value_head, 0, 0, call.queries, call.keys},
        first_row(which.index * rows),
        query_row(0),
        key_row(0),
        plane(which.batch) {
    if constexpr (Call::ragged) {
      query_row = call.offsets.queries(which.batch);
      key_row = call.offsets.keys(which.batch);
      head.queries = call.offsets.queries(which.batch + 1) - query_row;
      head.keys = call.offsets.keys(which.batch + 1) - key_row;
      plane = 0;
    }
    int begin = head.keys - head.queries;
    int end = head.keys;
    if constexpr (spec_type::stands_apart) {
      begin = static_cast<int>(call.spec.first_query(head.queries, head.keys));
      end = begin + head.queries;
    }
    // A ragged sequence with more queries than keys breaks the caller's promise; positions stay in range all
    // the same.
    first = math::max(begin + first_row, 0);
    last = math::min(first + rows, end) - 1;
  }
  __device__ bool exist(query_tile which, int rows) const { return which.index * rows < head.queries; }
  /// What a walk over the keys is asked for; `head` is that of the output.
  __device__ tile over() const {
    return {head.batch, head.query_head, first, last, 0, head.keys - 1, head.queries, head.keys};
  }
  /// The head of one of the maps that make the output's.
  __device__ site of_map(const Call& call, int map) const {
    site result = head;
    if constexpr (spec_type::map_count > 1) {
      result.query_head = head.query_head * spec_type::map_count + map;
      result.key_head = call.spec.key_head(result.query_head, call.group);
    }
    return result;
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
