// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_turn: the producer's other warps, where positions turn queries: they turn the next query
// tile in shared memory while the consumers are at work on this one.

#include "byteloom/core/math.hpp"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/fragment/turn_rows.cuh"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// What warps 1 to `turning_warps` of a block do. The consumers wait for them in place of the copies.
template <auto Tile, class Call>
struct attend_sm90_turn {
  using memory_type = attend_sm90_memory<Call, Tile>;
  using element = typename Call::element;
  static constexpr int size = memory_type::size;
  static constexpr int registers = Tile.producer_registers(true);
  /// What registers hold, and no more than a block has rows for.
  static constexpr int at_once = math::min(Tile.queries() / 8, registers >= 56   ? 16
                                                               : registers >= 40 ? 8
                                                                                 : 4);

  const Call& call;
  const memory_type& memory;

  __device__ void run(int warp) const {
    ring_cursor<memory_type::query_stages> of_queries;
    while (true) {
      const int place = of_queries.stage();
      instruction::barrier_wait(memory.queries_came(place), of_queries.parity());
      const int work = memory.work_of_queries(place);
      if (work < 0) return;
      turn(memory.work(work), place, warp - 1);
      instruction::publish_to_copies();  // products read by the way of copies
      __syncwarp();
      if (threadIdx.x % 32 == 0) instruction::barrier_arrive(memory.queries_full(place));
      of_queries.advance();
    }
  }

 private:
  __device__ void turn(query_tile which, int place, int warp) const {
    const query_rows<Call> rows(call, which, Tile.queries());
    const int count = math::min(Tile.queries(), rows.head.queries - rows.first_row);
    const auto* rotations = call.rotations.row(rows.plane, rows.query_row + rows.first_row);
    constexpr auto bytes = static_cast<int>(sizeof(element));
    for (int map = 0; map < Tile.maps; ++map)
      fragment::turn_rows<size, at_once>(
          call.spec.position(), rotations, count, warp, memory_type::turning_warps,
          [&](int row, int column) {
            return reinterpret_cast<element*>(
                memory.queries(place, row / Tile.group_rows, map) +
                fragment::swizzled(Tile.group_rows, row % Tile.group_rows, column));
          },
          [](int i) {
            return (i / 8 * memory_type::group_queries_bytes + i % 8 * 8 * fragment::chunk_row_bytes) / bytes;
          });
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
