// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_consume: the consumers of Hopper's attention, whatever their elements are: one to three
// warpgroups of a block, 64 queries each. The schedule is FlashAttention-3's (Shah et al., arXiv 2407.08608):
// the product of queries and the next keys runs under the weights of the tile before, and two warpgroups may
// take turns, so that one's exponents run under the other's products. Where the next queries have a place in
// shared memory, their first product runs under the last weights of the queries before, too, so that a block
// never starts anew.
//
// What a query tile visits, scores and weighs is the composition's, by fragment/key_tiles and
// fragment/score_rows; how elements are multiplied is that of Products (attend_sm90_products,
// attend_sm90_e4m3_products).

#include <cstdint>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/bf16.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/output_rows.cuh"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/store_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/stmatrix.cuh"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"

namespace byteloom::inline v0::cuda::detail {

/// Whether outputs of these elements leave by bulk copies.
template <class O>
inline constexpr bool leaves_by_copies = std::is_same_v<O, bf16> || std::is_same_v<O, f16>;

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// What a thread of consumer `group` holds, and what it does with it.
template <auto Tile, class Call, class Products>
struct attend_sm90_consumer {
  using spec_type = typename Call::spec_type;
  using out_element = typename Call::out_element;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  using walk_type = fragment::key_tiles<visits_type_of<Call>, Tile.keys>;
  using work_cursor = ring_cursor<memory_type::work_stages>;
  static constexpr int maps = Tile.maps;
  static constexpr int passes = spec_type::passes;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int value_groups = Products::value_groups;
  /// Whether the next queries come while the outputs of these leave: they then have a place of their own, or
  /// leave by stores.
  static constexpr bool frees_queries = memory_type::own_outputs || !spec_type::has_output_policy;
  static constexpr bool staged =
      leaves_by_copies<out_element> && (memory_type::own_outputs || spec_type::has_output_policy);
  /// Whether queries leave under the last weights: the next ones wait for their place. Where they have
  /// another one, the question would only lengthen the loop.
  static constexpr bool leaves_early = memory_type::query_stages == 1;
  /// Whether a query tile's first product runs under the last one of the query tile before: its queries must
  /// be there. Where tiles are alike and warpgroups leave their own products alone, other warpgroups'
  /// products fill the pause as well.
  static constexpr bool flows = passes == 1 && memory_type::query_stages > 1 &&
                                (Tile.overlap || spec_type::is_masked);

  const Call& call;
  const memory_type& memory;
  int group;
  Products products;

  float scores[Tile.keys / 8][4];
  float outputs[maps][value_groups][4];
  typename Products::weight_array weights;
  rows_type rows[maps];
  float rescale[2];        ///< factors of what was gathered before the last weights
  float factors[maps][2];  ///< of finished outputs

  ring_cursor<Tile.stages> of_keys, of_values;
  ring_cursor<memory_type::query_stages> of_queries;
  work_cursor of_work;

  query_rows<Call> at;  ///< of the tile that is scored next
  walk_type walk;
  int tile;      ///< of keys, scored next; -1: none can follow without a break
  bool turning;  ///< whether that is the first of its query tile, while the weights are another's

  __device__ attend_sm90_consumer(const Call& of_call, const memory_type& of_memory, int of_group)
      : call(of_call), memory(of_memory), group(of_group), products{of_call, of_memory, of_group} {}

  __device__ __forceinline__ void run() {
    namespace ptx = instruction;
    if (Tile.ping_pong && group == Tile.warpgroups - 1) ptx::barrier_arrive(turn_of(0), 2 * 128);
    bool followed = false;  // whether the query tile before had keys, from which other groups then flow
    while (take_work(of_work)) {
      next_tile();
      turning = false;
      const bool any = tile >= 0;
      if (flows && any && followed) pass_turn();
      followed = any;
      if (!has_rows()) {
        stand_aside(any);
        continue;
      }
      start_rows();
      clear_outputs();
      if (any) {
        await_queries();
        if constexpr (passes == 2) first_pass();
        first_tile();
#pragma unroll 1
        while (true) {
#pragma unroll 1
          while (tile >= 0 && !turning) later_tile<false>();
          if (!flows || tile < 0) break;
          if (!leaves_early) leave_queries();
          await_queries();
          later_tile<flows>();
        }
        if (!leaves_early) leave_queries();
        last_values();
      }
      finish();
      emit(any);
      leave_work();
    }
    if (thread() == 0) ptx::stores_wait();  // shared memory lives until they have been read
  }

 private:
  __device__ static constexpr int turn_of(int group) { return 1 + group; }
  __device__ static constexpr int outputs_of(int group) { return 4 + group; }
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  /// A thread's first column in a group of 8.
  __device__ static int column() { return lane() % 4 * 2; }
  /// Its number in the warpgroup, asked for anew: what is made of it has no registers in the main loop.
  __device__ static int thread() {
    int own = static_cast<int>(threadIdx.x) % 128;
    asm volatile("" : "+r"(own));
    return own;
  }
  /// A thread's upper row in the query tile.
  __device__ int row_of(int thread) const { return 64 * group + thread / 32 * 16 + thread % 32 / 4; }

  /// Once a warp.
  __device__ static void release(instruction::memory_barrier& empty) {
    if (lane() == 0) instruction::barrier_arrive(empty);
  }

  // Work, queries, keys.

  /// The query tile at `place`; false past the last.
  __device__ __forceinline__ bool take_work(const work_cursor& place) {
    instruction::barrier_wait(memory.work_full(place.stage()), place.parity());
    const query_tile which = memory.work(place.stage());
    if (which.batch < 0) return false;
    at = query_rows<Call>(call, which, Tile.queries());
    walk = walk_type(visits_of(call), at.head, at.over());
    return true;
  }
  __device__ void leave_work() {
    release(memory.work_empty(of_work.stage()));
    of_work.advance();
  }
  __device__ __forceinline__ void start_rows() {
    const int own = row_of(thread());
#pragma unroll
    for (int map = 0; map < maps; ++map)
      rows[map].start(call.spec, at.of_map(call, map), at.first + own, at.last);
#pragma unroll
    for (int map = 0; map < maps; ++map) products.begin(rows[map], at, map);
  }
  __device__ __forceinline__ void next_tile() { tile = walk.next(visits_of(call), at.over()); }
  __device__ void await_queries() {
    instruction::barrier_wait(memory.queries_full(of_queries.stage()), of_queries.parity());
  }
  __device__ void leave_queries() {
    if (frees_queries) release(memory.queries_empty(of_queries.stage()));
    of_queries.advance();
  }
  /// Once look_ahead has said whether keys of the query tile follow.
  __device__ __forceinline__ void leave_last_queries() {
    if (leaves_early && tile < 0) leave_queries();
  }
  __device__ void leave_keys() {
    instruction::settle(scores);
    release(memory.keys_empty(of_keys.stage()));
    of_keys.advance();
  }
  __device__ void leave_values() {
    release(memory.values_empty(of_values.stage()));
    of_values.advance();
  }

  /// Whether the group has a query in the tile at all.
  __device__ bool has_rows() const { return at.first_row + 64 * group < at.head.queries; }
  /// A step of others that this group has no part in.
  __device__ void pass_turn() const {
    if (!Tile.ping_pong) return;
    instruction::barrier_sync(turn_of(group), 2 * 128);
    instruction::barrier_arrive(turn_of((group + 1) % Tile.warpgroups), 2 * 128);
  }
  /// A query tile without rows of the group: what the others do with keys and values goes on.
  __device__ void stand_aside(bool any) {
    if (any) {
      await_queries();
      if constexpr (passes == 2) {
#pragma unroll 1
        for (; tile >= 0; next_tile())
          for (int map = 0; map < maps; ++map) pass_keys();
        walk = walk_type(visits_of(call), at.head, at.over());
        next_tile();
      }
      bool first = true;
#pragma unroll 1
      for (; tile >= 0; next_tile()) {
        for (int map = 0; map < maps; ++map) {
          if (!first) pass_turn();
          first = false;
          pass_keys();
        }
        instruction::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
        leave_values();
      }
      release(memory.queries_empty(of_queries.stage()));
      of_queries.advance();
    }
    __syncwarp();
    leave_work();
  }
  __device__ void pass_keys() {
    instruction::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
    release(memory.keys_empty(of_keys.stage()));
    of_keys.advance();
  }

  /// Asks for the next tile: where this query tile's have ended, the first of the next one. `work` is that of
  /// the tile before.
  __device__ __forceinline__ void look_ahead(work_cursor work) {
    turning = false;
    next_tile();
    if constexpr (flows) {
      if (tile >= 0) return;
      work.advance();
      if (!take_work(work) || !has_rows()) return;
      next_tile();
      turning = true;
    }
  }

  // Tiles.

  /// A product with keys that has nothing to run under: of a block's first tile, and of a first pass.
  __device__ __forceinline__ void score_alone(int now, int map, bool partial) {
    products.meet(at, map, now);
    instruction::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
    products.multiply_keys(products.operands_of(of_queries.stage(), map, of_keys.stage()), scores);
    instruction::wgmma_wait<0>();
    leave_keys();
    score(now, map, partial);
  }
  __device__ __forceinline__ void score(int now, int map, bool partial) {
    products.scale(scores, map);
    rows[map].score(call.spec, scores, now * Tile.keys + column(), partial);
  }
  __device__ __forceinline__ void weigh(int now, int map) {
    if constexpr (passes == 1) {
      products.weigh(rows[map], scores, rescale);
    } else {
      products.second(rows[map], scores, now * Tile.keys + column());
    }
  }

  /// What a normalizer of two passes gathers in the first.
  __device__ __forceinline__ void first_pass() {
#pragma unroll 1
    for (; tile >= 0; next_tile())
#pragma unroll
      for (int map = 0; map < maps; ++map) {
        score_alone(tile, map, walk.partial());
        rows[map].gather(call.spec, scores);
      }
#pragma unroll
    for (int map = 0; map < maps; ++map) rows[map].between_passes(call.spec);
    walk = walk_type(visits_of(call), at.head, at.over());
    next_tile();
  }

  __device__ __forceinline__ void first_tile() {
    const int now = tile;
    const bool partial = walk.partial();
    score_alone(now, 0, partial);
    weigh(now, 0);
    products.pack(scores, weights);
    if (maps == 1) {
      look_ahead(of_work);
      leave_last_queries();
    }
#pragma unroll
    for (int map = 1; map < maps; ++map) step<false>(map, map - 1, now, partial);
  }
  template <bool Turns>
  __device__ __forceinline__ void later_tile() {
    const int now = tile;
    const bool partial = walk.partial();
    step<Turns>(0, maps - 1, now, partial);
#pragma unroll
    for (int map = 1; map < maps; ++map) step<false>(map, map - 1, now, partial);
  }

  /// The product of a map's queries with the keys of tile `now`, above that of the weights before, which are
  /// map `before`'s, with the values. `Turns`: these weights are the last of a query tile, and the keys are
  /// the next one's first. Under these products the warps ask for what comes after them.
  template <bool Turns>
  __device__ __forceinline__ void step(int map, int before, int now, bool partial) {
    namespace ptx = instruction;
    products.meet(at, map, now);
    const auto operands = products.operands_of(of_queries.stage(), map, of_keys.stage());
    ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
    if (Tile.ping_pong) ptx::barrier_sync(turn_of(group), 2 * 128);
    products.multiply_keys(operands, scores);
    ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
    products.begin_values(of_values.stage(), weights, outputs[before]);
    if (Tile.ping_pong) ptx::barrier_arrive(turn_of((group + 1) % Tile.warpgroups), 2 * 128);
    auto work = of_work;
    if constexpr (Turns) {
      finish();
      start_rows();
      work.advance();
    }
    if (map == maps - 1) look_ahead(work);
    ptx::wgmma_wait<1>();
    leave_keys();
    if (map == maps - 1) leave_last_queries();
    score(now, map, partial);
    weigh(now, map);
    if constexpr (Tile.overlap && passes == 1 && requires { rows[0].stay(0u); }) rows[map].stay(call.none);
    products.end_values(of_values.stage(), weights, outputs[before]);
    if (before == maps - 1) leave_values();
    products.pack(scores, weights);
    if constexpr (Turns) {
      emit(true);
      leave_work();
      clear_outputs();
    } else if constexpr (rows_type::rescales && passes == 1) {
      // Most tiles hold no new maximum, and nothing is to be scaled.
      if (__any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f))
        fragment::scale_rows(outputs[map], rescale);
    }
  }

  /// The last weights' product, where nothing follows to run above it.
  __device__ __forceinline__ void last_values() {
    instruction::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
    products.begin_values(of_values.stage(), weights, outputs[maps - 1]);
    products.end_values(of_values.stage(), weights, outputs[maps - 1]);
    leave_values();
  }

  // Outputs.

  __device__ __forceinline__ void clear_outputs() {
#pragma unroll
    for (int map = 0; map < maps; ++map)
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[map][j][i] = 0.0f;
  }

  /// After the rows' last tile: the factors of the outputs.
  __device__ __forceinline__ void finish() {
    const query_tile done = memory.work(of_work.stage());  // read again: main loops have no registers for it
    const int own = row_of(thread());
#pragma unroll
    for (int map = 0; map < maps; ++map) {
      rows[map].finish(call.spec, done.index * Tile.queries() + own, factors[map]);
      products.finish(done, factors[map]);
      if constexpr (maps > 1) {
        const query_rows<Call> end(call, done, Tile.queries());
        const byteloom::row both[2] = {row_of_output(end, own), row_of_output(end, own + 8)};
        fragment::weigh_map(call.spec, map, both, factors[map]);
      }
    }
  }
  /// The row of the output's head that is row `own` of a query tile.
  __device__ byteloom::row row_of_output(const query_rows<Call>& end, int own) const {
    const site head = end.of_map(call, 0);
    const int position = math::max(math::min(end.first + own, end.last), 0);
    return fragment::row_of_output<spec_type>(
        {head.batch, head.query_head, head.key_head, position, head.queries, head.keys}, end.head.query_head,
        call.group);
  }

  /// Joins the maps and writes the outputs of a finished query tile; `any` where it had keys. The warp has
  /// read what work it was when this returns.
  __device__ __forceinline__ void emit(bool any) {
    namespace ptx = instruction;
    const int own = thread();
    const int row = row_of(own);
    const int first_column = own % 4 * 2;
#pragma unroll
    for (int map = 0; map < maps; ++map) {
      fragment::scale_rows(outputs[map], factors[map]);
      if (map == 0) continue;
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[0][j][i] += outputs[map][j][i];
    }
    const query_tile done = memory.work(of_work.stage());
    __syncwarp();
    const query_rows<Call> end(call, done, Tile.queries());
    const int first_row = done.index * Tile.queries();
    if constexpr (spec_type::has_output_policy) {
      if (own == 0) ptx::stores_wait();
      // The policies' scratch takes the place of what has been read.
      ptx::barrier_sync(outputs_of(group), 128);
      const byteloom::row both[2] = {row_of_output(end, row), row_of_output(end, row + 8)};
      fragment::change_outputs(call.spec, both, first_row + row, end.head.queries, first_column,
                               reinterpret_cast<float2*>(memory.outputs(group)) + own, 128, outputs[0]);
    }
    // A bulk copy would write over the next sequence where this one ends inside the group.
    const bool whole = !Call::ragged || first_row + 64 * group + 64 <= end.head.queries;
    if (staged && any && whole) {
      if (own == 0) ptx::stores_wait();
      stage_outputs();
      if (own == 0) {
        for (int chunk = 0; chunk < fragment::chunks(value_size); ++chunk)
          ptx::store_box(
              call.out_map,
              {chunk * fragment::chunk_columns, end.query_row + first_row + 64 * group, done.head, end.plane},
              memory.outputs(group) + chunk * Tile.group_rows * fragment::chunk_row_bytes);
        ptx::stores_commit();
      }
      if (!memory_type::own_outputs) {  // the queries' place is free when the outputs have left
        if (own == 0) ptx::stores_wait();
        ptx::barrier_sync(outputs_of(group), 128);
        release(memory.queries_empty(0));
      }
    } else {
      if (any && !frees_queries) release(memory.queries_empty(0));
      store_outputs(end, first_row + row, first_column);
    }
  }

  /// Writes the group's outputs to shared memory, for a bulk copy.
  __device__ __forceinline__ void stage_outputs() const {
    instruction::barrier_sync(outputs_of(group), 128);  // the place is free: what stood there has been read
    const int own = thread();
    const int row = own / 32 * 16 + own % 16;
    // Two groups of 8 columns at a time: the lanes of the upper half name the rows of the second.
    const int piece = row % 8 ^ own % 32 / 16;
    const std::uint32_t first = instruction::shared_address(memory.outputs(group)) +
                                static_cast<std::uint32_t>(row * fragment::chunk_row_bytes);
    const auto packed = [&](int j, int half) {
      return fragment::pack<out_element>(outputs[0][j][2 * half], outputs[0][j][2 * half + 1]);
    };
#pragma unroll
    for (int j = 0; j < value_groups; j += 2) {
      const std::uint32_t place =
          first + static_cast<std::uint32_t>(j / 8 * Tile.group_rows * fragment::chunk_row_bytes +
                                             (j % 8 ^ piece) * 16);
      if (j + 1 < value_groups) {
        instruction::store_matrices(place, packed(j, 0), packed(j, 1), packed(j + 1, 0), packed(j + 1, 1));
      } else {
        instruction::store_matrices(place, packed(j, 0), packed(j, 1));
      }
    }
    instruction::publish_to_copies();
    instruction::barrier_sync(outputs_of(group), 128);
  }

  /// Writes a thread's outputs straight to memory; `row` is the upper one's number in the call.
  __device__ __forceinline__ void store_outputs(const query_rows<Call>& end, int row,
                                                int first_column) const {
    // Where bulk copies take the rest, only rows without keys and ragged ends come here.
    constexpr bool by_lanes = leaves_by_copies<out_element> && (Call::ragged || !staged);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const bool exists = row + 8 * half < end.head.queries;
      if (!by_lanes && !exists) continue;
      out_element* to = call.out.data + end.plane * call.out.stride[0] +
                        static_cast<index>(end.query_row + row + 8 * half) * call.out.stride[1] +
                        end.head.query_head * call.out.stride[2];
      if constexpr (by_lanes) {
        fragment::store_row(to, exists, half, outputs[0]);
      } else {
#pragma unroll
        for (int j = 0; j < value_groups; ++j)
#pragma unroll
          for (int c = 0; c < 2; ++c)
            to[(8 * j + first_column + c) * call.out.stride[3]] =
                static_cast<out_element>(outputs[0][j][2 * half + c]);
      }
    }
  }
};

#endif

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
