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
#include "byteloom/cuda/sm90/transpose_values.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

template <auto Tile, class Call>
struct attend_sm90_feed {
  using memory_type = attend_sm90_memory<Call, Tile>;
  using spec_type = typename Call::spec_type;
  using walk_type = fragment::key_tiles<visits_type_of<Call>, Tile.keys>;
  static constexpr int maps = Tile.maps;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int element_bytes = sizeof(typename Call::element);

  const Call& call;
  const memory_type& memory;

  /// A tile of values that is to be loaded.
  struct tile_of_values {
    int tile = -1;  ///< none
    int head, plane, key_row;
    int keys;  ///< of the sequence
  };

  /// A query tile that the consumers know of; batch is negative past the last.
  struct told {
    query_tile which;
    int place;  ///< where the consumers read it
  };

  /// Whether queries come a whole query tile ahead, for which that is taken early: those that are to be
  /// turned.
  static constexpr bool ahead = Call::turns_queries && memory_type::query_stages > 1;

  /// One warp loads what is needed in the order in which it is needed: each tile of keys before the values of
  /// the one before, also where that one was the last of another query tile, under whose last product the
  /// next query tile begins.
  __device__ void run() const {
    namespace ptx = instruction;
    const bool chosen = ptx::elect();
    const int lane = static_cast<int>(threadIdx.x) % 32;
    ring_cursor<Tile.stages> of_keys, of_values;
    ring_cursor<memory_type::work_stages> of_work;
    ring_cursor<memory_type::query_stages> of_queries;
    unsigned tails = 0;  // tiles of values that ended with their sequence
    // As late as may be: a block that has taken a tile is the only one that can work on it.
    const auto take = [&] {
      const int next = lane == 0 ? static_cast<int>(gridDim.x) + atomicAdd(call.taken, 1) : 0;
      return __shfl_sync(0xffffffffu, next, 0);
    };
    const auto load_values = [&](const tile_of_values& of) {
      ptx::barrier_wait(memory.values_empty(of_values.stage()), of_values.parity() ^ 1);
      const int stage = of_values.stage();
      const int rows_left = of.keys - of.tile * Tile.keys;
      // Behind the end of a ragged sequence stands another one, whose values must not meet the weights 0:
      // what is infinite there would become NaN here.
      const bool cut = Call::ragged && !Call::transposes_values && rows_left < Tile.keys;
      ptx::memory_barrier& full = cut ? memory.tail_full() : memory.values_full(stage);
      if (chosen) {
        ptx::barrier_expect(full, Tile.value_copy_bytes(value_size));
        if constexpr (Call::transposes_values) {
          load_transposed(memory.values(stage), of.key_row + of.tile * Tile.keys, of.head, of.plane, full);
        } else {
          load(call.v, memory.values(stage), Tile.keys, value_size,
               {0, of.key_row + of.tile * Tile.keys, of.head, of.plane}, full);
        }
      }
      if (cut) {
        ptx::barrier_wait(full, tails & 1);
        ++tails;
        clear_rows(memory.values(stage), rows_left, lane);
        ptx::publish_to_copies();
        __syncwarp();
        if (chosen) ptx::barrier_arrive(memory.values_full(stage));
      }
      of_values.advance();
    };
    tile_of_values last;  // of the query tile before: loaded below the next one's first keys
    const auto load_last_values = [&] {
      if (last.tile >= 0) load_values(last);
      last.tile = -1;
    };
    // Tells the consumers of query tile `work`, or of the first one after it that exists.
    const auto tell = [&](int work) {
      query_tile which = find_query_tile(call, work);
      while (Call::ragged && which.batch >= 0 &&
             !query_rows<Call>(call, which, Tile.queries()).exist(which, Tile.queries()))
        which = find_query_tile(call, take());
      const int place = of_work.stage();
      ptx::barrier_wait(memory.work_empty(place), of_work.parity() ^ 1);
      if (chosen) {
        memory.work(place) = which;
        ptx::barrier_arrive(memory.work_full(place));
      }
      of_work.advance();
      return told{which, place};
    };
    const auto load_queries = [&](const told& of, const query_rows<Call>& rows) {
      ptx::barrier_wait(memory.queries_empty(of_queries.stage()), of_queries.parity() ^ 1);
      ptx::memory_barrier& came = Call::turns_queries ? memory.queries_came(of_queries.stage())
                                                      : memory.queries_full(of_queries.stage());
      if (chosen) {
        if (Call::turns_queries) memory.work_of_queries(of_queries.stage()) = of.place;
        ptx::barrier_expect(came, Tile.queries_bytes(size));
        for (int group = 0; group < Tile.warpgroups; ++group)
          for (int map = 0; map < maps; ++map)
            load(call.q, memory.queries(of_queries.stage(), group, map), Tile.group_rows, size,
                 {0, rows.query_row + of.which.index * Tile.queries() + group * Tile.group_rows,
                  rows.of_map(call, map).query_head, rows.plane},
                 came);
      }
      of_queries.advance();
    };
    const auto tell_ahead = [&](int work) {
      const told next = tell(work);
      if (next.which.batch >= 0) {
        const query_rows<Call> rows(call, next.which, Tile.queries());
        walk_type walk(visits_of(call), rows.head, rows.over());
        if (walk.next(visits_of(call), rows.over()) >= 0) load_queries(next, rows);
      }
      return next;
    };
    const int first = static_cast<int>(blockIdx.x);
    told at = ahead ? tell_ahead(first) : tell(first);
    while (at.which.batch >= 0) {
      const query_tile which = at.which;
      const query_rows<Call> rows(call, which, Tile.queries());
      const auto load_keys = [&](int tile, int map) {
        ptx::barrier_wait(memory.keys_empty(of_keys.stage()), of_keys.parity() ^ 1);
        if (chosen) {
          ptx::barrier_expect(memory.keys_full(of_keys.stage()), memory_type::key_bytes);
          load(call.k, memory.keys(of_keys.stage()), Tile.keys, size,
               {0, rows.key_row + tile * Tile.keys, rows.of_map(call, map).key_head, rows.plane},
               memory.keys_full(of_keys.stage()));
        }
        of_keys.advance();
      };
      for (int pass = 0; pass < spec_type::passes; ++pass) {
        const bool gathers = pass + 1 < spec_type::passes;  // needs no values
        walk_type walk(visits_of(call), rows.head, rows.over());
        int before = walk.next(visits_of(call), rows.over());
        const bool begins = pass == 0 && before >= 0;
        if (begins && !ahead && memory_type::query_stages > 1) load_queries(at, rows);
        if (before >= 0) load_keys(before, 0);
        if (pass == 0) load_last_values();
        if (begins && memory_type::query_stages == 1)
          load_queries(at, rows);  // their place waits for those values
        if constexpr (ahead)
          if (pass == 0) at = tell_ahead(take());
        while (before >= 0) {
          const int now = walk.next(visits_of(call), rows.over());
          for (int map = 0; map < maps; ++map) {
            if (map + 1 < maps) {
              load_keys(before, map + 1);
            } else if (now >= 0) {
              load_keys(now, 0);
            }
            if (map > 0 || gathers) continue;
            const int first_row = Call::ragged && Call::transposes_values
                                      ? transposed_begin(rows.key_row, which.batch)
                                      : rows.key_row;
            const tile_of_values values{before, which.value_head, rows.plane, first_row, rows.head.keys};
            if (maps == 1 && now < 0) {
              last = values;
            } else {
              load_values(values);
            }
          }
          before = now;
        }
      }
      if constexpr (!ahead) at = tell(take());
    }
    load_last_values();
    if constexpr (Call::turns_queries) {
      ptx::barrier_wait(memory.queries_empty(of_queries.stage()), of_queries.parity() ^ 1);
      if (chosen) {
        memory.work_of_queries(of_queries.stage()) = -1;
        ptx::barrier_arrive(memory.queries_came(of_queries.stage()));
      }
    }
    // The last block to come here leaves the counters as it found them, for the next launch.
    if (lane == 0 && atomicAdd(call.taken + 1, 1) == static_cast<int>(gridDim.x) - 1) {
      call.taken[0] = 0;
      call.taken[1] = 0;
    }
  }

 private:
  /// Zeros from row `first` of a tile of values on.
  __device__ static void clear_rows(unsigned char* values, int first, int lane) {
    constexpr int pieces = fragment::chunk_row_bytes / 16;
    for (int chunk = 0; chunk < fragment::chunks(value_size); ++chunk)
      for (int piece = first * pieces + lane; piece < Tile.keys * pieces; piece += 32)
        reinterpret_cast<uint4*>(values + chunk * Tile.keys * fragment::chunk_row_bytes)[piece] = uint4{};
  }

  __device__ static void load(const CUtensorMap& map, unsigned char* to, int rows, int columns,
                              const std::int32_t (&at)[4], instruction::memory_barrier& full) {
    for (int chunk = 0; chunk < fragment::chunks(columns, element_bytes); ++chunk)
      instruction::copy_box(to + chunk * rows * fragment::chunk_row_bytes, map,
                            {chunk * (fragment::chunk_row_bytes / element_bytes), at[1], at[2], at[3]}, full);
  }

  /// Values that lie as [sequence, head, dimension, key]: chunks of so many keys as a tile's rows have bytes.
  __device__ void load_transposed(unsigned char* to, int first_key, int head, int plane,
                                  instruction::memory_barrier& full) const {
    constexpr int wide = Tile.value_row_bytes();
    for (int chunk = 0; chunk < Tile.keys / wide; ++chunk)
      instruction::copy_box(to + chunk * value_size * wide, call.v,
                            {first_key + chunk * wide, 0, head, plane}, full);
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
