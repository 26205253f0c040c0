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
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class T, class O, class Offsets>
struct attend_sm90_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;
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
  int batch, queries, keys, heads, key_heads;  ///< `ragged`: at most so many queries and keys a sequence
  int query_tiles;                             ///< of one head
  int section;                                 ///< heads that are worked on at a time
  std::uint32_t none = 0;                      ///< see score_rows::stay
};

/// The query tile of a step of a block.
struct query_tile {
  int batch, head, index;
};

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// Query tile `which` in the order of the file's head; false past the last.
template <class Call>
__device__ bool find_query_tile(const Call& call, int which, query_tile& found) {
  const int all_heads = call.batch * call.heads;
  if (which >= all_heads * call.query_tiles) return false;
  const int section = which / (call.section * call.query_tiles);
  const int inside = which - section * call.section * call.query_tiles;
  const int wide = math::min(call.section, all_heads - section * call.section);
  const int head = section * call.section + inside % wide;
  found = {head / call.heads, head % call.heads, call.query_tiles - 1 - inside / wide};
  return true;
}

/// The shared memory of a block.
template <class Call, auto Tile>
struct attend_sm90_memory {
  using heads_type = typename Call::spec_type::heads_type;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int key_bytes = Tile.key_bytes(size);
  static constexpr int value_bytes = Tile.value_bytes(value_size);

  static constexpr bool own_outputs = Tile.own_outputs(size, value_size);
  static constexpr int first_keys =
      math::max(Tile.query_bytes(size) + (own_outputs ? fragment::tile_bytes(Tile.queries(), value_size) : 0),
                fragment::tile_bytes(Tile.queries(), value_size));

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
    ptx::barrier_start(queries_full(), 1);
    ptx::barrier_start(queries_empty(), warps);
    for (int stage = 0; stage < Tile.stages; ++stage) {
      ptx::barrier_start(work_full(stage), 1);
      ptx::barrier_start(work_empty(stage), warps);
      ptx::barrier_start(keys_full(stage), 1);
      ptx::barrier_start(keys_empty(stage), warps);
      ptx::barrier_start(values_full(stage), 1);
      ptx::barrier_start(values_empty(stage), warps);
    }
    ptx::barrier_publish();
  }

  __device__ unsigned char* queries() const { return tiles; }
  __device__ unsigned char* outputs() const { return own_outputs ? tiles + Tile.query_bytes(size) : tiles; }
  __device__ unsigned char* keys(int stage) const { return tiles + first_keys + stage * key_bytes; }
  __device__ unsigned char* values(int stage) const { return keys(Tile.stages) + stage * value_bytes; }
  __device__ instruction::memory_barrier& queries_full() const { return barriers[0]; }
  __device__ instruction::memory_barrier& queries_empty() const { return barriers[1]; }
  __device__ instruction::memory_barrier& keys_full(int stage) const { return after(0, stage); }
  __device__ instruction::memory_barrier& keys_empty(int stage) const { return after(1, stage); }
  __device__ instruction::memory_barrier& values_full(int stage) const { return after(2, stage); }
  __device__ instruction::memory_barrier& values_empty(int stage) const { return after(3, stage); }
  /// Numbers of query tiles on their way from the producer to the consumers.
  __device__ int& work(int place) const { return reinterpret_cast<int*>(&after(6, 0))[place]; }
  __device__ instruction::memory_barrier& work_full(int place) const { return after(4, place); }
  __device__ instruction::memory_barrier& work_empty(int place) const { return after(5, place); }

 private:
  __device__ instruction::memory_barrier& after(int rings, int place) const {
    return barriers[2 + rings * Tile.stages + place];
  }
};

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
  site head;
  int first, last;         ///< positions; `last` is that of the tile's last query that exists
  int query_row, key_row;  ///< of the sequence's first query and key along the axis of positions
  int plane;               ///< of the sequence along the axis of sequences

  __device__ query_rows(const Call& call, query_tile which, int rows)
      : head{which.batch,  which.head, which.head / (call.heads / call.key_heads), 0, 0,
             call.queries, call.keys},
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
    // A sequence with more queries than keys breaks the caller's promise; positions stay in range all the
    // same.
    first = math::max(head.keys - head.queries + which.index * rows, 0);
    last = math::min(first + rows, head.keys) - 1;
  }
  __device__ bool exist(query_tile which, int rows) const { return which.index * rows < head.queries; }
  __device__ tile over() const {
    return {head.batch, head.query_head, first, last, 0, head.keys - 1, head.queries, head.keys};
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
