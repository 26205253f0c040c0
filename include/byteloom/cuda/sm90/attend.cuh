// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend: attention on Hopper for 16-bit elements. One warpgroup feeds a block by bulk copies; one
// to three others compute, 64 queries each. The schedule is FlashAttention-3's (Shah et al., arXiv
// 2407.08608): the product of queries and the next keys runs under the weights of the tile before, and two
// warpgroups may take turns, so that one's exponents run under the other's products. Blocks are persistent
// and take query tiles in an order that puts long ones first and keeps heads that share the L2 cache
// together.
//
// What a query tile visits, scores and weighs is the composition's, by fragment/key_tiles and
// fragment/score_rows.

#include <algorithm>
#include <cstdint>
#include <string>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/output_rows.cuh"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/stmatrix.cuh"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/sm90/attend_feed.cuh"
#include "byteloom/cuda/sm90/attend_run.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"
#include "byteloom/cuda/sm90/attend_work.cuh"
#include "byteloom/cuda/sm90/tensor_map.cuh"
#include "byteloom/cuda/work_counters.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// The consumers of a block at work.
template <attend_sm90_tile Tile, class Call>
struct attend_sm90_block {
  using spec_type = typename Call::spec_type;
  using element = typename Call::element;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  using walk_type = fragment::key_tiles<visits_type_of<Call>, Tile.keys>;
  static constexpr int maps = Tile.maps;
  static constexpr int passes = spec_type::passes;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (value_size + 7) / 8;
  static constexpr bool staged =
      std::is_same_v<typename Call::out_element, element>;  ///< outputs leave by bulk copies

  const Call& call;
  const memory_type& memory;

  /// Consumer `group`, 128 threads.
  __device__ void compute(int group) {
    namespace ptx = instruction;
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const int lane = thread % 32;
    const int row_of_tile = 64 * group + thread / 32 * 16 + lane / 4;
    const int column = lane % 4 * 2;
    if (Tile.ping_pong && group == Tile.warpgroups - 1) ptx::barrier_arrive(turn_of(0), 2 * 128);

    float scores[key_groups][4];
    float outputs[maps][value_groups][4];
    std::uint32_t weights[key_groups / 2][4];
    ring_cursor<Tile.stages> of_keys, of_values, of_work;
    ring_cursor<memory_type::query_stages> of_queries;
    const auto release = [&](ptx::memory_barrier& empty) {
      if (lane == 0) ptx::barrier_arrive(empty);
    };
    const auto release_keys = [&] {
      ptx::settle(scores);
      release(memory.keys_empty(of_keys.stage()));
      of_keys.advance();
    };
    while (true) {
      ptx::barrier_wait(memory.work_full(of_work.stage()), of_work.parity());
      const query_tile which = memory.work(of_work.stage());
      if (which.batch < 0) break;
      const query_rows<Call> at(call, which, Tile.queries());
      walk_type walk(at.head.keys);
      rows_type rows[maps];
#pragma unroll
      for (int map = 0; map < maps; ++map) {
        rows[map].start(call.spec, at.of_map(call, map), at.first + row_of_tile, at.last);
#pragma unroll
        for (int j = 0; j < value_groups; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) outputs[map][j][i] = 0.0f;
      }
      // A product with keys that has nothing to run under: of the first tile, and of a first pass.
      const auto score_alone = [&](int tile, int map) {
        ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
        multiply_keys(operands_of(group, of_queries.stage(), map, of_keys.stage()), scores);
        ptx::wgmma_wait<0>();
        release_keys();
        rows[map].score(call.spec, scores, tile * Tile.keys + column, walk.partial());
      };
      // Scores become weights; `rescale` gets the factors of what was gathered before.
      float rescale[2];
      const auto weigh = [&](int tile, int map) {
        if constexpr (passes == 1) {
          rows[map].weigh(call.spec, scores, rescale);
        } else {
          rows[map].second(call.spec, scores, tile * Tile.keys + column);
        }
      };
      int tile = walk.next(visits_of(call), at.over());
      const bool any = tile >= 0;
      if (any) {
        ptx::barrier_wait(memory.queries_full(of_queries.stage()), of_queries.parity());
        if constexpr (passes == 2) {
#pragma unroll 1
          for (; tile >= 0; tile = walk.next(visits_of(call), at.over()))
#pragma unroll
            for (int map = 0; map < maps; ++map) {
              score_alone(tile, map);
              rows[map].gather(call.spec, scores);
            }
#pragma unroll
          for (int map = 0; map < maps; ++map) rows[map].between_passes(call.spec);
          walk = walk_type(at.head.keys);
          tile = walk.next(visits_of(call), at.over());
        }
        // The product of a map's queries with a tile of keys, above that of the weights before, which are map
        // `before`'s, with the values.
        const auto step = [&](int map, int before) {
          const operands from = operands_of(group, of_queries.stage(), map, of_keys.stage());
          ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
          if (Tile.ping_pong) ptx::barrier_sync(turn_of(group), 2 * 128);
          multiply_keys(from, scores);
          ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
          multiply_values(of_values.stage(), weights, outputs[before]);
          if (Tile.ping_pong) ptx::barrier_arrive(turn_of((group + 1) % Tile.warpgroups), 2 * 128);
          ptx::wgmma_wait<1>();
          release_keys();
          rows[map].score(call.spec, scores, tile * Tile.keys + column, walk.partial());
          weigh(tile, map);
          if constexpr (Tile.overlap && passes == 1 && requires { rows[0].stay(0u); })
            rows[map].stay(call.none);
          ptx::wgmma_wait<0>();
          ptx::settle(outputs[before]);
          if (before == maps - 1) {
            release(memory.values_empty(of_values.stage()));
            of_values.advance();
          }
          fragment::pack<element>(scores, weights);
          // Most tiles hold no new maximum, and nothing is to be scaled.
          if constexpr (rows_type::rescales && passes == 1)
            if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f))
              fragment::scale_rows(outputs[map], rescale);
        };
        score_alone(tile, 0);
        weigh(tile, 0);
        fragment::pack<element>(scores, weights);
#pragma unroll
        for (int map = 1; map < maps; ++map) step(map, map - 1);
#pragma unroll 1
        while ((tile = walk.next(visits_of(call), at.over())) >= 0) {
#pragma unroll
          for (int map = 0; map < maps; ++map) step(map, map == 0 ? maps - 1 : map - 1);
        }
        if (memory_type::own_outputs) release(memory.queries_empty(of_queries.stage()));
        of_queries.advance();
        ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
        multiply_values(of_values.stage(), weights, outputs[maps - 1]);
        ptx::wgmma_wait<0>();
        ptx::settle(outputs[maps - 1]);
        release(memory.values_empty(of_values.stage()));
        of_values.advance();
      }
      // Read again: the main loop has no registers for it.
      const query_tile done = memory.work(of_work.stage());
      __syncwarp();
      release(memory.work_empty(of_work.stage()));
      of_work.advance();
      const query_rows<Call> end(call, done, Tile.queries());
      const int first_row = done.index * Tile.queries();
      finish(end, first_row + row_of_tile, rows, outputs);
      if constexpr (spec_type::has_output_policy) {
        if (thread == 0) ptx::stores_wait();
        ptx::barrier_sync(outputs_of(group),
                          128);  // the policies' scratch takes the place of what has been read
        const byteloom::row own[2] = {row_of_output(end, rows[0], 0), row_of_output(end, rows[0], 1)};
        fragment::change_outputs(call.spec, own, first_row + row_of_tile, end.head.queries, column,
                                 reinterpret_cast<float2*>(memory.outputs(group)) + thread, 128, outputs[0]);
      }
      // A bulk copy would write over the next sequence where this one ends inside the group.
      const bool whole = !Call::ragged || first_row + 64 * group + 64 <= end.head.queries;
      if (staged && any && whole) {
        if (thread == 0) ptx::stores_wait();
        stage_outputs(group, outputs[0]);
        if (thread == 0) {
          for (int chunk = 0; chunk < fragment::chunks(value_size); ++chunk)
            ptx::store_box(call.out_map,
                           {chunk * fragment::chunk_columns, end.query_row + first_row + 64 * group,
                            done.head, end.plane},
                           memory.outputs(group) + chunk * Tile.group_rows * fragment::chunk_row_bytes);
          ptx::stores_commit();
        }
        if (!memory_type::own_outputs) {  // the queries' place is free when the outputs have left
          if (thread == 0) ptx::stores_wait();
          ptx::barrier_sync(outputs_of(group), 128);
          release(memory.queries_empty(0));
        }
      } else {
        if (any && !memory_type::own_outputs) release(memory.queries_empty(0));
        attend_sm90_store(call, end, first_row + row_of_tile, column, outputs[0]);
      }
    }
    if (thread == 0) ptx::stores_wait();  // shared memory lives until they have been read
  }

 private:
  __device__ static constexpr int turn_of(int group) { return 1 + group; }
  __device__ static constexpr int outputs_of(int group) { return 4 + group; }

  /// Where the group's queries and the keys of a stage lie.
  struct operands {
    fragment::descriptor queries, keys;
  };
  __device__ operands operands_of(int group, int place, int map, int stage) const {
    const std::uint32_t own = instruction::shared_address(memory.queries(place, group, map));
    return {fragment::descriptor(uniform(own), 16),
            fragment::descriptor(uniform(instruction::shared_address(memory.keys(stage))), 16)};
  }

  /// scores = queries times keys; a commit group of its own.
  __device__ static void multiply_keys(const operands& from, float (&scores)[key_groups][4]) {
    instruction::settle(scores);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < (size + 15) / 16; ++k) {
      const int chunk = k / 4;
      const int inside = k % 4 * 32;
      instruction::wgmma<element, Tile.keys>::shared(
          scores, from.queries.at(chunk * Tile.group_rows * fragment::chunk_row_bytes + inside),
          from.keys.at(chunk * Tile.keys * fragment::chunk_row_bytes + inside), k != 0);
    }
    instruction::wgmma_commit();
  }

  /// outputs += weights times values of a stage; a commit group of its own.
  __device__ void multiply_values(int stage, const std::uint32_t (&weights)[key_groups / 2][4],
                                  float (&outputs)[value_groups][4]) const {
    const fragment::descriptor values(uniform(instruction::shared_address(memory.values(stage))),
                                      Tile.keys * fragment::chunk_row_bytes);
    instruction::settle(outputs);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < key_groups / 2; ++k)
      instruction::wgmma<element, value_groups * 8>::registers(outputs, weights[k],
                                                               values.at(k * 16 * fragment::chunk_row_bytes));
    instruction::wgmma_commit();
  }

  /// After the rows' last tile: the factors of the output, the maps joined to the first.
  __device__ void finish(const query_rows<Call>& end, int row_of_call, rows_type (&rows)[maps],
                         float (&outputs)[maps][value_groups][4]) const {
#pragma unroll
    for (int map = 0; map < maps; ++map) {
      float factor[2];
      rows[map].finish(call.spec, row_of_call, factor);
      if constexpr (maps > 1) {
        const byteloom::row own[2] = {row_of_output(end, rows[map], 0), row_of_output(end, rows[map], 1)};
        fragment::weigh_map(call.spec, map, own, factor);
      }
      fragment::scale_rows(outputs[map], factor);
      if (map == 0) continue;
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[0][j][i] += outputs[map][j][i];
    }
  }
  __device__ byteloom::row row_of_output(const query_rows<Call>& end, const rows_type& rows,
                                         int which) const {
    return fragment::row_of_output<spec_type>(rows.row_at(which), end.head.query_head, call.group);
  }

  /// Writes the group's outputs to shared memory, for a bulk copy.
  __device__ void stage_outputs(int group, const float (&outputs)[value_groups][4]) const {
    instruction::barrier_sync(outputs_of(group), 128);  // the place is free: what stood there has been read
    int thread = static_cast<int>(threadIdx.x);
    asm volatile("" : "+r"(thread));  // else addresses are kept in registers from tile to tile
    const int lane = thread % 32;
    const int row = thread % 128 / 32 * 16 + lane % 16;
    // Two groups of 8 columns at a time: the lanes of the upper half name the rows of the second.
    const int piece = row % 8 ^ lane / 16;
    const std::uint32_t own = instruction::shared_address(memory.outputs(group)) +
                              static_cast<std::uint32_t>(row * fragment::chunk_row_bytes);
#pragma unroll
    for (int j = 0; j < value_groups; j += 2) {
      const std::uint32_t place =
          own + static_cast<std::uint32_t>(j / 8 * Tile.group_rows * fragment::chunk_row_bytes +
                                           (j % 8 ^ piece) * 16);
      const std::uint32_t upper = fragment::pack<element>(outputs[j][0], outputs[j][1]);
      const std::uint32_t lower = fragment::pack<element>(outputs[j][2], outputs[j][3]);
      if (j + 1 < value_groups) {
        instruction::store_matrices(place, upper, lower,
                                    fragment::pack<element>(outputs[j + 1][0], outputs[j + 1][1]),
                                    fragment::pack<element>(outputs[j + 1][2], outputs[j + 1][3]));
      } else {
        instruction::store_matrices(place, upper, lower);
      }
    }
    instruction::publish_to_copies();
    instruction::barrier_sync(outputs_of(group), 128);
  }
};

#endif

template <class Tuning, class Call>
inline constexpr attend_sm90_tile attend_sm90_tile_of =
    attend_sm90_tile_by<Tuning, needs_of<typename Call::spec_type>>;

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm90_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm90_kernel(const __grid_constant__ Call call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  constexpr attend_sm90_tile tile = attend_sm90_tile_of<Tuning, Call>;
  attend_sm90_run<tile, attend_sm90_block<tile, Call>>(call);
#elif __CUDA_ARCH__ >= 900
  __trap();  // the launcher does not come here: such an image has no code for this kernel
#endif
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other; T is bf16 or f16, O is T or float. Throws shape_error
/// where the copy engine cannot take them, and device_error where the GPU is no Hopper or the program holds
/// no code for it.
template <class Tuning, class Spec, class T, class O, class Offsets = byteloom::detail::no_offsets>
void attend_sm90(executor on, const Spec& spec, const device_view<const T, 4>& q,
                 const device_view<const T, 4>& k, const device_view<const T, 4>& v,
                 const device_view<O, 4>& out, const Offsets& offsets = {}) {
  using call_type = attend_sm90_call<Spec, T, O, Offsets>;
  constexpr attend_sm90_tile tile = attend_sm90_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  static_assert(tile.fits(size, value_size),
                "byteloom: no tile of the Hopper attention fits these head sizes into registers and shared "
                "memory; choose multiples of 8 up to 256, smaller ones where maps share a value, or "
                "attend<path::sm80>.");
  const auto kernel = attend_sm90_kernel<Tuning, call_type>;
  require_sm90_code(reinterpret_cast<const void*>(kernel));
  const int heads = static_cast<int>(out.extent[2]);
  const int value_heads = static_cast<int>(v.extent[2]);
  const index batch = offsets.sequences(q.extent[0]);
  const int queries = static_cast<int>(offsets.most_queries(q.extent[1]));
  const int keys = static_cast<int>(offsets.most_keys(k.extent[1]));
  const int query_tiles = (queries + tile.queries() - 1) / tile.queries();
  const int section = attend_sm90_section(keys * (Spec::map_count * size + value_size) * index{sizeof(T)},
                                          batch * value_heads, heads / value_heads);
  const work_counters counters(on);
  CUtensorMap out_map{};
  if constexpr (std::is_same_v<T, O>) out_map = make_tensor_map("out", out, tile.group_rows);
  const call_type call{make_tensor_map("q", q, tile.group_rows),
                       make_tensor_map("k", k, tile.keys),
                       make_tensor_map("v", v, tile.keys),
                       out_map,
                       spec,
                       out,
                       offsets,
                       counters.data(),
                       static_cast<int>(batch),
                       queries,
                       keys,
                       heads,
                       heads / value_heads,
                       query_tiles,
                       section};
  launch_attend_sm90(on, "attend_sm90_kernel", kernel, tile.threads(), tile.shared_bytes(size, value_size),
                     batch * heads * query_tiles, call);
}

}  // namespace byteloom::inline v0::cuda::detail
