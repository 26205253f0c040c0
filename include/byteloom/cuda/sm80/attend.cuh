// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/attend: attention from Ampere on for 16-bit elements. A block owns a tile of queries, each of its
// warps 16 or 32 rows of it; all warps copy each tile of keys and values into shared memory, beside the
// products of the one before. The schedule is FlashAttention-2's (Dao, arXiv 2307.08691): one pass over the
// keys, scores and weights in registers only. Blocks with the most keys are launched first.
//
// What a query tile visits, scores, weighs and makes of its outputs is the composition's, by
// fragment/key_tiles, fragment/score_rows and fragment/output_rows. Maps that share a value have warps of
// their own over the same keys and values, and meet at the end. A normalizer that passes twice sees the keys
// alone first.

#include <cstdint>
#include <string>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/matrix_lanes.hpp"
#include "byteloom/cuda/fragment/output_rows.cuh"
#include "byteloom/cuda/fragment/row_swizzle.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/turn_rows.cuh"
#include "byteloom/cuda/instruction/cp_async.cuh"
#include "byteloom/cuda/instruction/ldmatrix.cuh"
#include "byteloom/cuda/instruction/mma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/sm80/attend_store.cuh"
#include "byteloom/cuda/sm80/attend_tile.hpp"
#include "byteloom/cuda/sm80/attend_work.cuh"
#include "byteloom/cuda/sm80/pieces.hpp"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// One block at work.
template <attend_sm80_tile Tile, class Call>
struct attend_sm80_block {
  using work = attend_sm80_work<Tile, Call>;
  using store = attend_sm80_store<Tile, Call>;
  using spec_type = typename Call::spec_type;
  using heads_type = typename spec_type::heads_type;
  using element = typename Call::element;
  using out_element = typename Call::out_element;
  using rows_type = fragment::score_rows<spec_type>;
  static constexpr int maps = Tile.maps;
  using visits_type = std::conditional_t<maps == 1, spec_type, fragment::visits_of_maps<spec_type>>;
  using walk_type = fragment::key_tiles<visits_type, Tile.keys>;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int row_groups = Tile.row_groups;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (value_size + 7) / 8;
  static constexpr int steps = (size + 15) / 16;  ///< products of 16 dimensions that make a score
  static constexpr int kept = Tile.keep_queries ? steps : 1;
  static constexpr int stage_bytes = Tile.stage_bytes(size, value_size);

  using scores_type = float[row_groups][key_groups][4];
  using outputs_type = float[row_groups][value_groups][4];
  using weights_type = std::uint32_t[row_groups][key_groups / 2][4];
  using queries_type = std::uint32_t[row_groups][kept][4];

  const Call& call;
  unsigned char*
      shared;       ///< queries, then a stage's keys and values, then the next stage's; maps side by side
  site head;        ///< of the warp's map
  int first, last;  ///< positions of the tile's queries; `last` is that of the last one that exists

  __device__ attend_sm80_block(const Call& of, unsigned char* memory)
      : call(of),
        shared(memory),
        head{static_cast<int>(blockIdx.z),
             work::query_head(of, blockIdx.x, work::map_of(threadIdx.x)),
             0,
             0,
             0,
             work::queries(of),
             work::keys(of)} {
    head.key_head = work::key_head(call, head.query_head);
    first = work::first_query(call, head) + work::first_row(of, blockIdx.x);
    last = math::min(first + Tile.queries(), work::end_of_queries(call, head)) - 1;
  }

  __device__ bool exists() const { return work::first_row(call, blockIdx.x) < head.queries; }

  __device__ void compute() {
    namespace ptx = instruction;
    const int warp_row = work::warp_row(threadIdx.x);
    const auto lane = static_cast<int>(threadIdx.x % 32);
    const int column = lane % 4 * 2;
    rows_type rows[row_groups];
    outputs_type outputs;
#pragma unroll
    for (int m = 0; m < row_groups; ++m) {
      rows[m].start(call.spec, head, first + warp_row + 16 * m + lane / 4,
                    work::end_of_queries(call, head) - 1);
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[m][j][i] = 0.0f;
    }

    walk_type walk(visits(), head, over());
    int tile = walk.next(visits(), over());
    bool partial = walk.partial();
    if (tile >= 0) {
      load_own_queries();
      load_keys(0, tile);
      if (Tile.stages == 2 && spec_type::passes == 1) load_values(0, tile);
      ptx::copies_commit();
    }
    if (Call::turns_queries && tile >= 0) {
      ptx::copies_wait<0>();
      __syncthreads();
      turn_queries();
    }
    queries_type queries;
    if (Tile.keep_queries && tile >= 0) {
      ptx::copies_wait<0>();
      __syncthreads();
#pragma unroll
      for (int k = 0; k < kept; ++k) load_queries(queries_of(threadIdx.x), queries, k, k);
    }
    if constexpr (spec_type::passes == 2) {
      gather(walk, tile, partial, queries, rows);
      walk = walk_type(visits(), head, over());
      tile = walk.next(visits(), over());
      partial = walk.partial();
      if (tile >= 0) {
        __syncthreads();  // all warps have done with the keys of the first pass
        load_keys(0, tile);
        if (Tile.stages == 2) load_values(0, tile);
        ptx::copies_commit();
      }
    }

    int stage = 0;
#pragma unroll 1
    while (tile >= 0) {
      scores_type scores;
      ptx::copies_wait<0>();
      __syncthreads();  // this tile has come, and all warps have done with the one before
      int after;
      bool after_partial;
      if constexpr (Tile.stages == 2) {
        after = walk.next(visits(), over());
        after_partial = walk.partial();
        if (after >= 0) {
          load_keys(stage ^ 1, after);
          load_values(stage ^ 1, after);
        }
        ptx::copies_commit();
        multiply_keys(stage, queries, scores);
      } else {
        load_values(0, tile);
        ptx::copies_commit();
        multiply_keys(0, queries, scores);
        ptx::copies_wait<0>();
        __syncthreads();  // the values have come, and all warps have done with the keys
        after = walk.next(visits(), over());
        after_partial = walk.partial();
        if (after >= 0) load_keys(0, after);
        ptx::copies_commit();
      }
      weights_type weights;
#pragma unroll
      for (int m = 0; m < row_groups; ++m) {
        rows[m].score(call.spec, scores[m], tile * Tile.keys + column, partial);
        if constexpr (spec_type::passes == 2) {
          rows[m].second(call.spec, scores[m], tile * Tile.keys + column);
          fragment::pack<element>(scores[m], weights[m]);
        } else {
          float rescale[2];
          rows[m].weigh(call.spec, scores[m], rescale);
          fragment::pack<element>(scores[m], weights[m]);
          fragment::scale_rows(outputs[m], rescale);
        }
      }
      multiply_values(stage, weights, outputs);
      tile = after;
      partial = after_partial;
      if (Tile.stages == 2) stage ^= 1;
    }

    finish(rows, outputs);
    const store to{call, shared};
    if constexpr (maps > 1) to.join_maps(outputs);
    const bool stores = maps == 1 || work::map_of(threadIdx.x) == 0;
    if constexpr (spec_type::has_output_policy) {
      __syncthreads();  // the policies' scratch takes the place of what all warps have read
      if (stores) {
#pragma unroll
        for (int m = 0; m < row_groups; ++m) {
          const byteloom::row at[2] = {row_of_output(rows[m], 0), row_of_output(rows[m], 1)};
          fragment::change_outputs(call.spec, at, row_of_call(m), head.queries, column,
                                   reinterpret_cast<float2*>(shared) + threadIdx.x, 32 * Tile.warps,
                                   outputs[m]);
        }
      }
    }
    if (std::is_same_v<out_element, element> && call.whole_pieces) {
      __syncthreads();  // outputs take the place of what all warps have read
      if (stores) to.stage_outputs(outputs);
    } else {
      if (stores) to.store_outputs(outputs);
    }
  }

 private:
  /// The first of two passes: over the keys alone, for what the normalizer must know of a row.
  __device__ void gather(walk_type& walk, int tile, bool partial, queries_type& queries,
                         rows_type (&rows)[row_groups]) const {
    namespace ptx = instruction;
    const int column = static_cast<int>(threadIdx.x % 4) * 2;
    int stage = 0;
#pragma unroll 1
    while (tile >= 0) {
      scores_type scores;
      ptx::copies_wait<0>();
      __syncthreads();  // this tile has come, and all warps have done with the one before
      const int after = walk.next(visits(), over());
      const bool after_partial = walk.partial();
      if (Tile.stages == 2 && after >= 0) load_keys(stage ^ 1, after);
      if (Tile.stages == 2) ptx::copies_commit();
      multiply_keys(stage, queries, scores);
      if constexpr (Tile.stages == 1) {
        __syncthreads();  // all warps have done with the keys
        if (after >= 0) load_keys(0, after);
        ptx::copies_commit();
      }
#pragma unroll
      for (int m = 0; m < row_groups; ++m) {
        rows[m].score(call.spec, scores[m], tile * Tile.keys + column, partial);
        rows[m].gather(call.spec, scores[m]);
      }
      tile = after;
      partial = after_partial;
      if (Tile.stages == 2) stage ^= 1;
    }
#pragma unroll
    for (int m = 0; m < row_groups; ++m) rows[m].between_passes(call.spec);
  }

  /// After a row's last tile.
  __device__ void finish(rows_type (&rows)[row_groups], outputs_type& outputs) const {
#pragma unroll
    for (int m = 0; m < row_groups; ++m) {
      float factor[2];
      rows[m].finish(call.spec, row_of_call(m), factor);
      if constexpr (maps > 1) {
        const byteloom::row at[2] = {row_of_output(rows[m], 0), row_of_output(rows[m], 1)};
        fragment::weigh_map(call.spec, work::map_of(threadIdx.x), at, factor);
      }
      fragment::scale_rows(outputs[m], factor);
    }
  }

  /// Number in the call of a thread's upper row of a group of 16.
  __device__ int row_of_call(int m) const {
    return work::first_row(call, blockIdx.x) + work::warp_row(threadIdx.x) + 16 * m +
           static_cast<int>(threadIdx.x % 32 / 4);
  }
  __device__ byteloom::row row_of_output(const rows_type& rows, int which) const {
    return fragment::row_of_output<spec_type>(rows.row_at(which), work::output_head(call, blockIdx.x),
                                              static_cast<int>(call.group));
  }

  /// What says which tiles of keys are visited, and of which queries and head.
  __device__ decltype(auto) visits() const {
    if constexpr (maps == 1) {
      return (call.spec);
    } else {
      return visits_type{call.spec};
    }
  }
  __device__ tile over() const {
    const int own = maps == 1 ? head.query_head : work::output_head(call, blockIdx.x);
    return {head.batch, own, first, last, 0, head.keys - 1, head.queries, head.keys};
  }

  /// Shared address of a byte.
  __device__ std::uint32_t address(int byte) const {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared)) + static_cast<std::uint32_t>(byte);
  }
  __device__ std::uint32_t keys_of(int stage, int map) const {
    return address(maps * Tile.queries_bytes(size) + stage * stage_bytes + map * Tile.keys_bytes(size));
  }
  __device__ std::uint32_t values_of(int stage) const { return keys_of(stage, maps); }

  /// Copies rows first_row and on of a head that begins at `from`; rows past its `count` and columns past the
  /// last are zero.
  template <int Rows, int Columns>
  __device__ static void load(std::uint32_t to, const element* from, index stride, int first_row, int count) {
    constexpr fragment::piece_share share{Tile.threads(), Columns};
    const unsigned thread = own_thread();
    const int row = share.first_row(thread);
    const int piece = share.first_piece(thread);
    const int left = count - first_row - row;
    const element* own = from + (first_row + row) * stride + piece * 8;
    std::uint32_t place = to + static_cast<std::uint32_t>(fragment::piece_byte(Columns, row, piece));
    pin(place);
    share.each(Rows, thread, [&](int below, int right) {
      const bool inside = right + fragment::piece_run(Columns) <= Columns / 8 || right + piece < Columns / 8;
      instruction::copy_piece(place + static_cast<std::uint32_t>(share.distance(below, right)),
                              own + below * stride + right * 8, inside && below < left);
    });
  }
  /// Where a head of the block's sequence begins, `row` rows along the axis of positions.
  template <class Head>
  __device__ static const element* head_of(const device_view<const element, 4>& x, Head which, index row) {
    const element* result = x.data + work::plane() * x.stride[0] + which * x.stride[2];
    if constexpr (Call::ragged) result += row * x.stride[1];
    return result;
  }
  __device__ void load_own_queries() const {
#pragma unroll
    for (int map = 0; map < maps; ++map)
      load<Tile.queries(), size>(
          address(map * Tile.queries_bytes(size)),
          head_of(call.q, work::query_head(call, blockIdx.x, map), work::query_row(call)), call.q.stride[1],
          work::first_row(call, blockIdx.x), head.queries);
  }
  __device__ void turn_queries() const {
    if constexpr (Call::turns_queries) {
      const int first_row = work::first_row(call, blockIdx.x);
      const int count = math::min(Tile.queries(), head.queries - first_row);
      const auto* rotations = call.rotations.row(work::plane(), work::query_row(call) + first_row);
      for (int map = 0; map < maps; ++map)
        fragment::turn_rows<size, 8>(
            call.spec.position(), rotations, count, static_cast<int>(threadIdx.x / 32), Tile.threads() / 32,
            [&](int row, int column) {
              return reinterpret_cast<element*>(shared + map * Tile.queries_bytes(size) +
                                                fragment::element_byte(size, row, column));
            },
            [](int i) { return i * fragment::rows_bytes(8, size) / static_cast<int>(sizeof(element)); });
    }
  }
  __device__ void load_keys(int stage, int tile) const {
#pragma unroll
    for (int map = 0; map < maps; ++map)
      load<Tile.keys, size>(
          keys_of(stage, map),
          head_of(call.k, work::key_head(call, work::query_head(call, blockIdx.x, map)), work::key_row(call)),
          call.k.stride[1], tile * Tile.keys, head.keys);
  }
  __device__ void load_values(int stage, int tile) const {
    load<Tile.keys, value_size>(values_of(stage), head_of(call.v, blockIdx.y, work::key_row(call)),
                                call.v.stride[1], tile * Tile.keys, head.keys);
  }

  /// Shared address of what a lane names of the warp's first 16 queries and dimensions.
  __device__ std::uint32_t queries_of(unsigned thread) const {
    const fragment::matrix_row own = fragment::left_operand(thread % 32);
    const int row = work::warp_row(thread) + own.row;
    return address(work::map_of(thread) * Tile.queries_bytes(size) +
                   fragment::piece_byte(size, row, own.piece));
  }
  /// Left operands: 16 dimensions of the warp's queries, from number 16 * step on.
  __device__ static void load_queries(std::uint32_t own, queries_type& queries, int place, int step) {
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
      instruction::load_matrices(queries[m][place], fragment::moved(size, own, 16 * m, 2 * step));
  }

  /// scores = queries of the warp times keys of a stage.
  __device__ void multiply_keys(int stage, queries_type& queries, scores_type& scores) const {
    const unsigned thread = own_thread();
    std::uint32_t own_queries = Tile.keep_queries ? 0 : queries_of(thread);
    const fragment::matrix_row own = fragment::right_operands(thread % 32);
    std::uint32_t own_keys =
        keys_of(stage, work::map_of(thread)) + fragment::piece_byte(size, own.row, own.piece);
    pin(own_queries);
    pin(own_keys);
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
#pragma unroll
      for (int j = 0; j < key_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) scores[m][j][i] = 0.0f;
#pragma unroll
    for (int k = 0; k < steps; ++k) {
      const int place = Tile.keep_queries ? k : 0;
      if constexpr (!Tile.keep_queries) load_queries(own_queries, queries, place, k);
#pragma unroll
      for (int j = 0; j < key_groups; j += 2) {
        std::uint32_t keys[4];
        instruction::load_matrices(keys, fragment::moved(size, own_keys, 8 * j, 2 * k));
#pragma unroll
        for (int m = 0; m < row_groups; ++m) {
          instruction::mma<element>(scores[m][j], queries[m][place], keys[0], keys[1]);
          instruction::mma<element>(scores[m][j + 1], queries[m][place], keys[2], keys[3]);
        }
      }
    }
  }

  /// outputs += weights times values of a stage.
  __device__ void multiply_values(int stage, const weights_type& weights, outputs_type& outputs) const {
    const fragment::matrix_row own = fragment::right_operands_transposed(own_thread() % 32);
    std::uint32_t own_values = values_of(stage) + fragment::piece_byte(value_size, own.row, own.piece);
    pin(own_values);
#pragma unroll
    for (int k = 0; k < key_groups / 2; ++k)
#pragma unroll
      for (int j = 0; j < value_groups; j += 2) {
        std::uint32_t values[4];
        instruction::load_matrices_transposed(values, fragment::moved(value_size, own_values, 16 * k, j));
#pragma unroll
        for (int m = 0; m < row_groups; ++m) {
          instruction::mma<element>(outputs[m][j], weights[m][k], values[0], values[1]);
          if (j + 1 < value_groups)
            instruction::mma<element>(outputs[m][j + 1], weights[m][k], values[2], values[3]);
        }
      }
  }
};

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm80_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm80_kernel(const __grid_constant__ Call call) {
  constexpr attend_sm80_tile tile = attend_sm80_tile_of<Tuning, Call>;
  extern __shared__ __align__(128) unsigned char attend_sm80_shared[];
  wait_for_input();
  attend_sm80_block<tile, Call> block(call, attend_sm80_shared);
  if (Call::ragged && !block.exists()) return;
  block.compute();
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other; T is bf16 or f16, O is T or float. `offsets`: of ragged
/// sequences, which lie end to end in tensors of one sequence. Throws shape_error where rows of q, k or v
/// cannot be read 16 bytes at a time; out may have any strides.
template <class Tuning, class Spec, class T, class O, class Offsets = byteloom::detail::no_offsets,
          class Rotations = no_rotations>
void attend_sm80(executor on, const Spec& spec, const device_view<const T, 4>& q,
                 const device_view<const T, 4>& k, const device_view<const T, 4>& v,
                 const device_view<O, 4>& out, const Offsets& offsets = {}, const Rotations& rotations = {}) {
  using call_type = attend_sm80_call<Spec, T, O, Offsets, Rotations>;
  constexpr attend_sm80_tile tile = attend_sm80_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  constexpr bool fits = tile.fits(size, value_size);
  static_assert(fits || Spec::map_count > 1,
                "byteloom: no tile of the Ampere attention fits these head sizes into registers and shared "
                "memory; choose "
                "multiples of 8 up to 256, or attend<path::simt>.");
  static_assert(fits || Spec::map_count == 1,
                "byteloom: no tile of the Ampere attention fits so many maps of these head sizes into "
                "registers and shared memory; choose smaller heads, or attend<path::simt>.");
  require_pieces(q, k, v);
  const index sequences = offsets.sequences(q.extent[0]);
  const index queries = offsets.most_queries(q.extent[1]);
  if (q.size() == 0 || sequences == 0 || queries == 0) return;
  const index group = q.extent[2] / k.extent[2];
  const index query_tiles = (queries + tile.queries() - 1) / tile.queries();
  if (v.extent[2] > 65535 || sequences > 65535)
    throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
  const call_type call{spec,
                       q,
                       k,
                       v,
                       out,
                       static_cast<unsigned>(group),
                       std::is_same_v<T, O> && why_no_pieces(out).empty(),
                       offsets,
                       rotations};
  const auto kernel = attend_sm80_kernel<Tuning, call_type>;
  constexpr std::size_t bytes = static_cast<std::size_t>(tile.shared_bytes(size, value_size));
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the kernel's " +
                       std::to_string(bytes) + " bytes.");
  const dim3 grid(static_cast<unsigned>(query_tiles * group), static_cast<unsigned>(v.extent[2]),
                  static_cast<unsigned>(sequences));
  launch(on, "attend_sm80_kernel", kernel, grid, tile.threads(), bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail
