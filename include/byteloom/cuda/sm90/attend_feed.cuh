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

template <attend_sm90_tile Tile, class Call>
struct attend_sm90_feed {
  using memory_type = attend_sm90_memory<Call, Tile>;
  using walk_type = fragment::key_tiles<typename Call::spec_type, Tile.keys>;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;

  const Call& call;
  const memory_type& memory;

  /// One warp loads keys, then the queries, then each next tile of keys before the values of the one before,
  /// the order in which they are needed.
  __device__ void run() const {
    namespace ptx = instruction;
    const bool chosen = ptx::elect();
    const int lane = static_cast<int>(threadIdx.x) % 32;
    ring_cursor<Tile.stages> of_keys, of_values, of_work;
    ring_cursor<memory_type::query_stages> of_queries;
    int work = static_cast<int>(blockIdx.x);
    const auto take = [&] { return lane == 0 ? static_cast<int>(gridDim.x) + atomicAdd(call.taken, 1) : 0; };
    while (true) {
      const query_tile which = find_query_tile(call, work);
      const bool more = which.batch >= 0;
      if (Call::ragged && more &&
          !query_rows<Call>(call, which, Tile.queries()).exist(which, Tile.queries())) {
        work = __shfl_sync(0xffffffffu, take(), 0);
        continue;
      }
      ptx::barrier_wait(memory.work_empty(of_work.stage()), of_work.parity() ^ 1);
      if (chosen) {
        memory.work(of_work.stage()) = which;
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
        ptx::barrier_wait(memory.queries_empty(of_queries.stage()), of_queries.parity() ^ 1);
        if (chosen)
          load(call.q, memory.queries(of_queries.stage()), Tile.queries(), size,
               {0, rows.query_row + which.index * Tile.queries(), which.head, rows.plane},
               memory.queries_full(of_queries.stage()));
        of_queries.advance();
      }
      while (before >= 0) {
        const int now = walk.next(call.spec, rows.over());
        if (now >= 0) load_keys(now);
        ptx::barrier_wait(memory.values_empty(of_values.stage()), of_values.parity() ^ 1);
        if (chosen)
          load(call.v, memory.values(of_values.stage()), Tile.keys, value_size,
               {0, rows.key_row + before * Tile.keys, rows.head.key_head, rows.plane},
               memory.values_full(of_values.stage()));
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
    instruction::barrier_expect(full, static_cast<std::uint32_t>(fragment::tile_bytes(rows, columns)));
    for (int chunk = 0; chunk < fragment::chunks(columns); ++chunk)
      instruction::copy_box(to + chunk * rows * fragment::chunk_row_bytes, map,
                            {chunk * fragment::chunk_columns, at[1], at[2], at[3]}, full);
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
