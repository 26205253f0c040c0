// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/attend: attention from Ampere on for 16-bit elements. A block owns a tile of queries, each of its
// warps 16 or 32 rows of it; all warps copy each tile of keys and values into shared memory, beside the
// products of the one before. The schedule is FlashAttention-2's (Dao, arXiv 2307.08691): one pass over the
// keys, scores and weights in registers only. Blocks with the most keys are launched first.
//
// What a query tile visits, scores and weighs is the composition's, by fragment/key_tiles and
// fragment/score_rows.

#include <cstdint>
#include <string>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/bits.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/matrix_lanes.hpp"
#include "byteloom/cuda/fragment/row_swizzle.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/instruction/cp_async.cuh"
#include "byteloom/cuda/instruction/ldmatrix.cuh"
#include "byteloom/cuda/instruction/mma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/sm80/attend_tile.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class T, class O>
struct attend_sm80_call {
  using spec_type = Spec;
  using element = T;
  using out_element = O;

  Spec spec;
  device_view<const T, 4> q, k, v;
  device_view<O, 4> out;
  unsigned group;     ///< query heads of a key-value head
  bool whole_pieces;  ///< outputs are of type T and may be written 16 bytes at a time
};

BYTELOOM_KERNELS_BEGIN

/// One block at work.
template <attend_sm80_tile Tile, class Call>
struct attend_sm80_block {
  using spec_type = typename Call::spec_type;
  using heads_type = typename spec_type::heads_type;
  using element = typename Call::element;
  using out_element = typename Call::out_element;
  using rows_type = fragment::score_rows<spec_type>;
  using walk_type = fragment::key_tiles<spec_type, Tile.keys>;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int row_groups = Tile.row_groups;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (value_size + 7) / 8;
  static constexpr int steps = (size + 15) / 16;  ///< products of 16 dimensions that make a score
  static constexpr int kept = Tile.keep_queries ? steps : 1;
  static constexpr int stage_bytes = Tile.keys_bytes(size) + Tile.values_bytes(value_size);

  using scores_type = float[row_groups][key_groups][4];
  using outputs_type = float[row_groups][value_groups][4];
  using weights_type = std::uint32_t[row_groups][key_groups / 2][4];
  using queries_type = std::uint32_t[row_groups][kept][4];

  const Call& call;
  unsigned char* shared;  ///< queries, then a stage's keys and values, then the next stage's
  site head;
  int first, last;  ///< positions of the tile's queries; `last` is that of the last one that exists

  __device__ attend_sm80_block(const Call& of, unsigned char* memory)
      : call(of), shared(memory), head{static_cast<int>(blockIdx.z),
                                       query_head(of, blockIdx.x),
                                       static_cast<int>(blockIdx.y),
                                       0,
                                       0,
                                       static_cast<int>(of.q.extent[1]),
                                       static_cast<int>(of.k.extent[1])} {
    first = head.keys - head.queries + first_row(of, blockIdx.x);
    last = math::min(first + Tile.queries(), head.keys) - 1;
  }

  __device__ void compute() {
    namespace ptx = instruction;
    const auto warp_row = static_cast<int>(threadIdx.x / 32) * Tile.warp_queries();
    const auto lane = static_cast<int>(threadIdx.x % 32);
    const int column = lane % 4 * 2;
    rows_type rows[row_groups];
    outputs_type outputs;
#pragma unroll
    for (int m = 0; m < row_groups; ++m) {
      rows[m].start(call.spec, head, first + warp_row + 16 * m + lane / 4, head.keys - 1);
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[m][j][i] = 0.0f;
    }

    walk_type walk(head.keys);
    int tile = walk.next(call.spec, over());
    bool partial = walk.partial();
    if (tile >= 0) {
      load<Tile.queries(), size>(
          address(0), call.q.data + head.batch * call.q.stride[0] + head.query_head * call.q.stride[2],
          call.q.stride[1], first_row(call, blockIdx.x), head.queries);
      load_keys(0, tile);
      if (Tile.stages == 2) load_values(0, tile);
      ptx::copies_commit();
    }
    queries_type queries;
    if (Tile.keep_queries && tile >= 0) {
      ptx::copies_wait<0>();
      __syncthreads();
#pragma unroll
      for (int k = 0; k < kept; ++k) load_queries(queries_of(threadIdx.x), queries, k, k);
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
        after = walk.next(call.spec, over());
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
        after = walk.next(call.spec, over());
        after_partial = walk.partial();
        if (after >= 0) load_keys(0, after);
        ptx::copies_commit();
      }
      weights_type weights;
#pragma unroll
      for (int m = 0; m < row_groups; ++m) {
        float rescale[2];
        rows[m].score(call.spec, scores[m], tile * Tile.keys + column, partial);
        rows[m].weigh(call.spec, scores[m], rescale);
        fragment::pack<element>(scores[m], weights[m]);
        scale_outputs(outputs[m], rescale);
      }
      multiply_values(stage, weights, outputs);
      tile = after;
      partial = after_partial;
      if (Tile.stages == 2) stage ^= 1;
    }

#pragma unroll
    for (int m = 0; m < row_groups; ++m) {
      float factor[2];
      rows[m].finish(call.spec, first_row(call, blockIdx.x) + warp_row + 16 * m + lane / 4, factor);
      scale_outputs(outputs[m], factor);
    }
    if (std::is_same_v<out_element, element> && call.whole_pieces) {
      __syncthreads();  // outputs take the place of what all warps have read
      stage_outputs(outputs);
    } else {
      store_outputs(outputs);
    }
  }

 private:
  /// The block's number among those of a key-value head. The last tiles, which see the most keys under a
  /// causal mask, come first; heads that share keys are neighbours.
  __device__ static unsigned own_block() {
    std::uint32_t block = blockIdx.x;
    pin(block);
    return block;
  }
  /// Number of the tile's first query in the call.
  __device__ static int first_row(const Call& call, unsigned block) {
    return static_cast<int>(gridDim.x / call.group - 1 - block / call.group) * Tile.queries();
  }
  __device__ static int query_head(const Call& call, unsigned block) {
    return static_cast<int>(blockIdx.y * call.group + block % call.group);
  }

  /// The compiler makes what follows from the value as it is: it neither takes the sums apart that led to it,
  /// which would cost an instruction for each address that differs by a constant, nor moves what is made of
  /// it out of the loop, which has no registers to spare.
  __device__ static void pin(std::uint32_t& value) { asm volatile("" : "+r"(value)); }

  __device__ static unsigned own_thread() {
    std::uint32_t thread = threadIdx.x;
    pin(thread);
    return thread;
  }

  __device__ tile over() const { return {head.batch, head.query_head, first, last, 0, head.keys - 1}; }

  /// Shared address of a byte.
  __device__ std::uint32_t address(int byte) const {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared)) + static_cast<std::uint32_t>(byte);
  }
  __device__ std::uint32_t keys_of(int stage) const {
    return address(Tile.queries_bytes(size) + stage * stage_bytes);
  }
  __device__ std::uint32_t values_of(int stage) const { return keys_of(stage) + Tile.keys_bytes(size); }

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
  /// Where keys or values of the head begin.
  __device__ static const element* key_head_of(const device_view<const element, 4>& x) {
    return x.data + blockIdx.z * x.stride[0] + blockIdx.y * x.stride[2];
  }
  __device__ void load_keys(int stage, int tile) const {
    load<Tile.keys, size>(keys_of(stage), key_head_of(call.k), call.k.stride[1], tile * Tile.keys, head.keys);
  }
  __device__ void load_values(int stage, int tile) const {
    load<Tile.keys, value_size>(values_of(stage), key_head_of(call.v), call.v.stride[1], tile * Tile.keys,
                                head.keys);
  }

  /// Shared address of what a lane names of the warp's first 16 queries and dimensions.
  __device__ std::uint32_t queries_of(unsigned thread) const {
    const fragment::matrix_row own = fragment::left_operand(thread % 32);
    const int row = static_cast<int>(thread / 32) * Tile.warp_queries() + own.row;
    return address(fragment::piece_byte(size, row, own.piece));
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
    std::uint32_t own_keys = keys_of(stage) + fragment::piece_byte(size, own.row, own.piece);
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

  __device__ static void scale_outputs(float (&outputs)[value_groups][4], const float (&factor)[2]) {
#pragma unroll
    for (int j = 0; j < value_groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) outputs[j][i] *= factor[i / 2];
  }

  /// Where the outputs of the tile begin, and how many of its rows exist; made anew, as nothing of it is
  /// needed before.
  struct output_tile {
    out_element* data;
    int rows;

    __device__ explicit output_tile(const Call& call) {
      const unsigned block = own_block();
      const int row = first_row(call, block);
      data = call.out.data + blockIdx.z * call.out.stride[0] + row * call.out.stride[1] +
             query_head(call, block) * call.out.stride[2];
      rows = static_cast<int>(call.q.extent[1]) - row;
    }
  };

  /// Writes the warp's outputs by way of its own part of shared memory, 16 bytes at a time.
  __device__ void stage_outputs(const outputs_type& outputs) const {
    const unsigned thread = own_thread();
    const unsigned lane = thread % 32;
    const int warp_row = static_cast<int>(thread / 32) * Tile.warp_queries();
    const int row = static_cast<int>(lane / 4);
    const int column = static_cast<int>(lane % 4 * 2);
    unsigned char* own = shared + fragment::rows_bytes(warp_row, value_size);
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < value_groups; ++j)
          *reinterpret_cast<std::uint32_t*>(
              own + fragment::element_byte(value_size, 16 * m + 8 * half + row, 8 * j + column)) =
              fragment::pack<element>(outputs[m][j][2 * half], outputs[m][j][2 * half + 1]);
    __syncwarp();
    const output_tile to(call);
    constexpr fragment::piece_share share{32, value_size};
    share.each(Tile.warp_queries(), lane, [&](int below, int right) {
      const int from_row = share.first_row(lane) + below;
      const int piece = share.first_piece(lane) + right;
      if (warp_row + from_row < to.rows && piece < value_size / 8)
        *reinterpret_cast<uint4*>(to.data + (warp_row + from_row) * call.out.stride[1] + 8 * piece) =
            *reinterpret_cast<const uint4*>(own + fragment::piece_byte(value_size, from_row, piece));
    });
  }

  /// Writes outputs straight to memory.
  __device__ void store_outputs(const outputs_type& outputs) const {
    const unsigned thread = own_thread();
    const int row = static_cast<int>(thread / 32) * Tile.warp_queries() + static_cast<int>(thread % 32 / 4);
    const int column = static_cast<int>(thread % 4 * 2);
    const output_tile to(call);
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int own = row + 16 * m + 8 * half;
        if (own >= to.rows) continue;
        out_element* place = to.data + own * call.out.stride[1] + column * call.out.stride[3];
#pragma unroll
        for (int j = 0; j < value_groups; ++j) {
          const float first_value = outputs[m][j][2 * half];
          const float second_value = outputs[m][j][2 * half + 1];
          if constexpr (std::is_same_v<out_element, element>) {
            const std::uint32_t both = fragment::pack<element>(first_value, second_value);
            place[0] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both));
            place[call.out.stride[3]] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both >> 16));
          } else {
            place[0] = static_cast<out_element>(first_value);
            place[call.out.stride[3]] = static_cast<out_element>(second_value);
          }
          place += 8 * call.out.stride[3];
        }
      }
  }
};

template <class Tuning, class Call>
inline constexpr attend_sm80_tile attend_sm80_tile_of =
    Tuning::sm80(Call::spec_type::heads_type::constant_size, Call::spec_type::heads_type::constant_value_size,
                 Call::spec_type::is_masked);

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm80_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm80_kernel(const __grid_constant__ Call call) {
  constexpr attend_sm80_tile tile = attend_sm80_tile_of<Tuning, Call>;
  extern __shared__ __align__(128) unsigned char attend_sm80_shared[];
  wait_for_input();
  attend_sm80_block<tile, Call>(call, attend_sm80_shared).compute();
}

BYTELOOM_KERNELS_END

/// Why the rows of a tensor [batch, positions, heads, size] cannot be read 16 bytes at a time; empty where
/// they can.
template <class T>
std::string why_no_pieces(const device_view<T, 4>& x) {
  if (reinterpret_cast<std::uintptr_t>(x.data) % 16 != 0)
    return "does not begin at a multiple of 16 bytes, in which its rows are read; align it.";
  if (x.extent[3] > 1 && x.stride[3] != 1)
    return "has dimensions that are not neighbours (stride 1); make the last axis contiguous.";
  for (int axis = 0; axis < 3; ++axis)
    if (x.extent[axis] > 1 && x.stride[axis] % 8 != 0)
      return "has a stride of " + std::to_string(x.stride[axis]) +
             " elements; its rows are read 16 bytes at a time, which needs multiples of 8.";
  return {};
}

/// Launches for views whose shapes fit each other; T is bf16 or f16, O is T or float. Throws shape_error
/// where rows of q, k or v cannot be read 16 bytes at a time; out may have any strides.
template <class Tuning, class Spec, class T, class O>
void attend_sm80(executor on, const Spec& spec, const device_view<const T, 4>& q,
                 const device_view<const T, 4>& k, const device_view<const T, 4>& v,
                 const device_view<O, 4>& out) {
  using call_type = attend_sm80_call<Spec, T, O>;
  constexpr attend_sm80_tile tile = attend_sm80_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  static_assert(tile.fits(size, value_size),
                "byteloom: no tile of the Ampere attention fits these head sizes into registers and shared "
                "memory; choose "
                "multiples of 8 up to 256, or attend<path::simt>.");
  const auto require_pieces = [](const char* name, const device_view<const T, 4>& x) {
    const std::string why = why_no_pieces(x);
    if (!why.empty()) throw shape_error("attend: " + std::string(name) + " " + why);
  };
  require_pieces("q", q);
  require_pieces("k", k);
  require_pieces("v", v);
  if (q.size() == 0) return;
  const index group = q.extent[2] / k.extent[2];
  const index query_tiles = (q.extent[1] + tile.queries() - 1) / tile.queries();
  if (k.extent[2] > 65535 || q.extent[0] > 65535)
    throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
  const call_type call{
      spec, q, k, v, out, static_cast<unsigned>(group), std::is_same_v<T, O> && why_no_pieces(out).empty()};
  const auto kernel = attend_sm80_kernel<Tuning, call_type>;
  constexpr std::size_t bytes = static_cast<std::size_t>(tile.shared_bytes(size, value_size));
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the kernel's " +
                       std::to_string(bytes) + " bytes.");
  const dim3 grid(static_cast<unsigned>(query_tiles * group), static_cast<unsigned>(k.extent[2]),
                  static_cast<unsigned>(q.extent[0]));
  launch(on, "attend_sm80_kernel", kernel, grid, tile.threads(), bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail
