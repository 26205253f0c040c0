// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_feed: the producer of Hopper's attention: one warp takes query tiles from the launch's
// counter, tells the consumers of them, and loads what they need by bulk copies.

#include <cuda.h>

#include <cstdint>

#include "byteloom/attend/ragged.hpp"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"
#include "byteloom/cuda/sm90/attend_work.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

template <auto Tile, class Call>
struct attend_sm90_feed {
  using memory_type = attend_sm90_memory<Call, Tile>;
  using walk_type = fragment::key_tiles<typename Call::spec_type, Tile.keys>;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int element_bytes = sizeof(typename Call::element);

  const Call& call;
  const memory_type& memory;

  /// One warp loads keys, then the queries, then each next tile of keys before the values of the one before,
  /// the order in which they are needed.
  __device__ void run() const {
    namespace ptx = instruction;
    const bool chosen = ptx::elect();
    const int lane = static_cast<int>(threadIdx.x) % 32;
    ring_cursor<Tile.stages> of_keys, of_values, of_work;
    ring_cursor<1> of_queries;
    query_tile which;
    int work = static_cast<int>(blockIdx.x);
    const auto take = [&] { return lane == 0 ? static_cast<int>(gridDim.x) + atomicAdd(call.taken, 1) : 0; };
    while (true) {
      const bool more = find_query_tile(call, work, which);
      if (Call::ragged && more &&
          !query_rows<Call>(call, which, Tile.queries()).exist(which, Tile.queries())) {
        work = __shfl_sync(0xffffffffu, take(), 0);
        continue;
      }
      ptx::barrier_wait(memory.work_empty(of_work.stage()), of_work.parity() ^ 1);
      if (chosen) {
        memory.work(of_work.stage()) = work;
        ptx::barrier_arrive(memory.work_full(of_work.stage()));
      }
      of_work.advance();
      if (!more) break;
      work = take();  // read when this tile is loaded
      const query_rows<Call> rows(call, which, Tile.queries());
      walk_type walk(rows.head.keys);
      const auto load_keys = [&](int tile) {
        ptx::barrier_wait(memory.keys_empty(of_keys.stage()), of_keys.parity() ^ 1);
        if (chosen)
          load(call.k, memory.keys(of_keys.stage()), Tile.keys, size,
               {0, rows.key_row + tile * Tile.keys, rows.head.key_head, rows.plane},
               memory.keys_full(of_keys.stage()));
        of_keys.advance();
      };
      int before = walk.next(call.spec, rows.over());
      if (before >= 0) {
        load_keys(before);
        ptx::barrier_wait(memory.queries_empty(), of_queries.parity() ^ 1);
        of_queries.advance();
        if (chosen)
          load(call.q, memory.queries(), Tile.queries(), size,
               {0, rows.query_row + which.index * Tile.queries(), which.head, rows.plane},
               memory.queries_full());
      }
      while (before >= 0) {
        const int now = walk.next(call.spec, rows.over());
        if (now >= 0) load_keys(now);
        ptx::barrier_wait(memory.values_empty(of_values.stage()), of_values.parity() ^ 1);
        if (chosen) {
          if constexpr (Call::transposes_values) {
            load_transposed(memory.values(of_values.stage()), before * Tile.keys, rows.head.key_head,
                            rows.plane, memory.values_full(of_values.stage()));
          } else {
            load(call.v, memory.values(of_values.stage()), Tile.keys, value_size,
                 {0, rows.key_row + before * Tile.keys, rows.head.key_head, rows.plane},
                 memory.values_full(of_values.stage()));
          }
        }
        of_values.advance();
        before = now;
      }
      work = __shfl_sync(0xffffffffu, work, 0);
    }
    // The last block to come here leaves the counters as it found them, for the next launch.
    if (lane == 0 && atomicAdd(call.taken + 1, 1) == static_cast<int>(gridDim.x) - 1) {
      call.taken[0] = 0;
      call.taken[1] = 0;
    }
  }

 private:
  __device__ static void load(const CUtensorMap& map, unsigned char* to, int rows, int columns,
                              const std::int32_t (&at)[4], instruction::memory_barrier& full) {
    instruction::barrier_expect(
        full, static_cast<std::uint32_t>(fragment::tile_bytes(rows, columns, element_bytes)));
    for (int chunk = 0; chunk < fragment::chunks(columns, element_bytes); ++chunk)
      instruction::copy_box(to + chunk * rows * fragment::chunk_row_bytes, map,
                            {chunk * (fragment::chunk_row_bytes / element_bytes), at[1], at[2], at[3]}, full);
  }

  /// Values that lie as [sequence, head, dimension, key]: chunks of so many keys as a tile's rows have bytes.
  __device__ void load_transposed(unsigned char* to, int first_key, int head, int plane,
                                  instruction::memory_barrier& full) const {
    constexpr int wide = Tile.value_row_bytes();
    instruction::barrier_expect(full, static_cast<std::uint32_t>(value_size * Tile.keys));
    for (int chunk = 0; chunk < Tile.keys / wide; ++chunk)
      instruction::copy_box(to + chunk * value_size * wide, call.v,
                            {first_key + chunk * wide, 0, head, plane}, full);
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
