// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/packed/attend: attention inside groups of tokens for 16-bit elements: many problems of some 4 to 256
// tokens in one launch, from Ampere on. A problem is one group, one head and one sequence. A warp, or a few
// of them, gathers its queries, keys and values into shared memory by the group policy's token(group, slot),
// multiplies on tensor cores, and scatters the outputs to the places where the queries came from. Nothing is
// padded in memory; many problems a multiprocessor hide each other's way to memory.
//
// Hooks see the positions in the sequence, by fragment/score_rows.

#include <cstdint>
#include <string>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/bits.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/fragment/row_swizzle.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/instruction/cp_async.cuh"
#include "byteloom/cuda/instruction/ldmatrix.cuh"
#include "byteloom/cuda/instruction/mma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/packed/attend_tile.hpp"
#include "byteloom/cuda/packed/homeless.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/sm80/attend.cuh"

#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::detail {

/// A tensor's head of a sequence as a pointer and the distance of its rows, which is an int so that a row's
/// address is one multiplication.
struct row_strides {
  int q, k, v, out;
};

template <class Spec, class T, class O>
struct attend_packed_call {
  using spec_type = Spec;
  using element = T;
  using out_element = O;

  Spec spec;
  device_view<const T, 4> q, k, v;
  device_view<O, 4> out;
  row_strides stride;
  divisor<> heads;    ///< query heads
  divisor<> sharing;  ///< query heads of a key-value head
  int problems;       ///< of a sequence: groups times heads, heads fastest
  int first_query;    ///< position of the call's first query
  bool whole_pieces;  ///< outputs are of type T and may be written 16 bytes at a time
};

template <class Tuning, class Call>
inline constexpr attend_packed_tile attend_packed_tile_of =
    attend_packed_tile_by<Tuning, attend_packed_needs{
                                      Call::spec_type::heads_type::constant_size,
                                      Call::spec_type::heads_type::constant_value_size,
                                      Call::spec_type::group_type::largest,
                                      byteloom::detail::most_queries<typename Call::spec_type::group_type>,
                                      byteloom::detail::is_ragged<typename Call::spec_type::group_type>}>;

BYTELOOM_KERNELS_BEGIN

/// One problem at work.
template <attend_packed_tile Tile, class Call>
struct attend_packed_problem {
  using spec_type = typename Call::spec_type;
  using group_type = typename spec_type::group_type;
  using heads_type = typename spec_type::heads_type;
  using element = typename Call::element;
  using out_element = typename Call::out_element;
  using rows_type = fragment::score_rows<spec_type>;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int threads = 32 * Tile.warps;  ///< of the problem
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (value_size + 7) / 8;
  static constexpr int steps = (size + 15) / 16;  ///< products of 16 dimensions that make a score
  static constexpr bool one_tile = Tile.keys >= Tile.largest;
  static constexpr bool is_ragged = byteloom::detail::is_ragged<group_type>;
  /// Whether the last 16 queries lack the lower 8, which then cost no scores.
  static constexpr bool ends_early = !is_ragged && Tile.queries > 16 && (Tile.queries + 15) % 16 < 8;
  static constexpr int query_part =
      Tile.queries_bytes(size, value_size) / Tile.row_tiles();  ///< of 16 queries

  using scores_type = float[key_groups][4];
  using outputs_type = float[value_groups][4];
  using weights_type = std::uint32_t[(key_groups + 1) / 2][4];
  using queries_type = std::uint32_t[steps][4];

  const Call& call;
  unsigned char* shared;  ///< of the problem
  site head;
  int group;
  int keys;     ///< of the group
  int queries;  ///< slots of the group that ask

  __device__ attend_packed_problem(const Call& of, unsigned char* memory, int problem)
      : call(of), shared(memory), head{static_cast<int>(blockIdx.y),
                                       0,
                                       0,
                                       0,
                                       0,
                                       static_cast<int>(of.q.extent[1]),
                                       static_cast<int>(of.k.extent[1])} {
    group = call.heads.quotient(problem);
    head.query_head = problem - group * call.heads.value;
    head.key_head = call.sharing.quotient(head.query_head);
    const auto groups = call.spec.group();
    keys = groups.size(group);
    queries = byteloom::detail::queries_of(groups, group);
  }

  __device__ void compute() {
    namespace ptx = instruction;
    if (queries <= 0) return;
    if (is_ragged && (keys > Tile.largest || queries > Tile.queries)) return refuse();
    find_places();
    join();
    load();
    ptx::copies_commit();
    ptx::copies_wait<0>();
    join();
    const int row_tiles = (queries + 15) / 16;
#pragma unroll 1
    for (int m = warp(); m < row_tiles; m += Tile.warps) {
      if constexpr (ends_early) {
        if (queries - 16 * m <= 8) {
          compute_rows<1>(m);
          continue;
        }
      }
      compute_rows<2>(m);
    }
  }

 private:
  __device__ static int warp() { return Tile.warps == 1 ? 0 : static_cast<int>(threadIdx.x / 32); }
  __device__ static int lane() { return static_cast<int>(threadIdx.x % 32); }
  /// Number of the thread in the problem.
  __device__ static int thread() { return Tile.warps == 1 ? lane() : static_cast<int>(threadIdx.x); }
  /// All threads of the problem meet.
  __device__ static void join() {
    if constexpr (Tile.warps == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }

  __device__ int* key_places() const { return reinterpret_cast<int*>(shared); }
  __device__ int* query_places() const { return reinterpret_cast<int*>(shared + Tile.key_places_bytes()); }
  __device__ unsigned char* queries_part() const { return shared + Tile.places_bytes(); }
  __device__ static std::uint32_t address(const unsigned char* of) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(of));
  }
  __device__ std::uint32_t queries_address() const { return address(queries_part()); }
  __device__ std::uint32_t keys_address() const {
    return queries_address() + Tile.queries_bytes(size, value_size);
  }
  __device__ std::uint32_t values_address() const { return keys_address() + Tile.keys_bytes(size); }

  /// Keys that are in use, with those that fill the last tile.
  __device__ int key_rows() const {
    if constexpr (!is_ragged) {
      return Tile.key_rows();
    } else {
      constexpr int step = one_tile ? Tile.key_rows() : Tile.keys;
      return (keys + step - 1) / step * step;
    }
  }

  __device__ int query_rows() const { return is_ragged ? (queries + 15) / 16 * 16 : 16 * Tile.row_tiles(); }

  /// A group of more tokens than its policy allows cannot be computed here, and no exception leaves a kernel:
  /// its outputs are NaN.
  __device__ void refuse() const {
    const auto groups = call.spec.group();
    for (int slot = thread(); slot < queries; slot += threads) {
      const int row = byteloom::detail::query_of(groups, group, slot) - call.first_query;
      if (row < 0 || row >= head.queries) continue;
      for (int i = 0; i < value_size; ++i)
        output_row(row)[i * call.out.stride[3]] = static_cast<out_element>(__int_as_float(0x7fffffff));
    }
  }

  /// Positions of keys, -1 for none, and rows of the call of queries.
  __device__ void find_places() const {
    const auto groups = call.spec.group();
    const int keys_in_use = key_rows();
    const int queries_in_use = query_rows();
    if constexpr (byteloom::detail::pools_groups<group_type>) {
      for (int slot = thread(); slot < keys_in_use; slot += threads)
        key_places()[slot] = slot < keys ? groups.token(group, slot) : -1;
      for (int slot = thread(); slot < queries_in_use; slot += threads)
        query_places()[slot] = slot < queries ? byteloom::detail::query_of(groups, group, slot) : -1;
    } else {
      const int slots = math::max(keys_in_use, queries_in_use);
      for (int slot = thread(); slot < slots; slot += threads) {
        const int token = slot < keys ? groups.token(group, slot) : -1;
        if (slot < keys_in_use) key_places()[slot] = token;
        if (slot < queries_in_use)
          query_places()[slot] = slot < queries ? math::max(token - call.first_query, -1) : -1;
      }
    }
  }

  template <class T>
  __device__ static T* head_of(const device_view<T, 4>& x, int batch, int head) {
    return x.data + batch * x.stride[0] + head * x.stride[2];
  }

  /// Copies the rows whose numbers stand at `places`, zeros for negative ones.
  /// `Part` bytes lie between the beginnings of 16 rows each.
  template <int Columns, int Part>
  __device__ static void gather(std::uint32_t to, const element* from, int stride, const int* places,
                                int rows) {
    constexpr fragment::piece_share share{threads, Columns};
    constexpr int step = share.row_step();
    const int first = share.first_row(static_cast<unsigned>(thread()));
    const int piece = share.first_piece(static_cast<unsigned>(thread()));
    from += piece * 8;
#pragma unroll 8
    for (int row = first; row < rows; row += step) {
      const int place = places[row];
      const element* own = from + static_cast<index>(place) * stride;
      const std::uint32_t own_to = to + row / 16 * Part + fragment::piece_byte(Columns, row % 16, piece);
#pragma unroll
      for (int p = 0; p < fragment::row_pieces(Columns); p += fragment::piece_run(Columns))
        instruction::copy_piece(
            own_to + p * 16, own + p * 8,
            place >= 0 && (p + fragment::piece_run(Columns) <= Columns / 8 || p + piece < Columns / 8));
    }
  }

  __device__ void load() const {
    const int rows = key_rows();
    gather<size, query_part>(queries_address(), head_of(call.q, head.batch, head.query_head), call.stride.q,
                             query_places(), query_rows());
    gather<size, fragment::rows_bytes(16, size)>(keys_address(), head_of(call.k, head.batch, head.key_head),
                                                 call.stride.k, key_places(), rows);
    gather<value_size, fragment::rows_bytes(16, value_size)>(
        values_address(), head_of(call.v, head.batch, head.key_head), call.stride.v, key_places(), rows);
  }

  /// Queries 16 m to 16 m + 15; with `Rows` 1 those from 16 m + 8 on do not exist.
  template <int Rows>
  __device__ void compute_rows(int m) const {
    const int row_of_call[2] = {query_places()[16 * m + lane() / 4], query_places()[16 * m + lane() / 4 + 8]};
    const int column = lane() % 4 * 2;
    // a hook may read a table by the slot
    const int query_slot[2] = {math::min(16 * m + lane() / 4, queries - 1),
                               math::min(16 * m + lane() / 4 + 8, queries - 1)};
    rows_type rows;
    rows.start_at(call.spec, head, call.first_query + math::max(row_of_call[0], 0),
                  call.first_query + math::max(row_of_call[1], 0),
                  [&](const byteloom::row& of) { return keys_kept(of); });
    queries_type own_queries;
    load_queries(m, own_queries);
    outputs_type outputs;
#pragma unroll
    for (int j = 0; j < value_groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) outputs[j][i] = 0.0f;

#pragma unroll 1
    for (int first_key = 0; first_key < keys; first_key += Tile.keys) {
      scores_type scores;
      multiply_keys(first_key, own_queries, scores);
      int2 places[key_groups];
#pragma unroll
      for (int j = 0; j < key_groups; ++j)
        places[j] = *reinterpret_cast<const int2*>(key_places() + first_key + 8 * j + column);
      rows.template score_at<Rows>(
          call.spec, scores, [&](int at) { return at % 2 == 0 ? places[at / 8].x : places[at / 8].y; }, group,
          query_slot, first_key + column, keys);
      float rescale[2] = {1.0f, 1.0f};
      rows.template weigh<rows_type::takes_unit, Rows>(call.spec, scores, rescale);
      if constexpr (!one_tile) fragment::scale_rows(outputs, rescale);
      weights_type weights;
      pack_weights(scores, weights);
      multiply_values(first_key, weights, outputs);
      if constexpr (one_tile) break;
    }
    float factor[2];
    rows.finish_at(call.spec, row_of_call, factor);
    fragment::scale_rows(outputs, factor);
    if (std::is_same_v<out_element, element> && call.whole_pieces) {
      __syncwarp();
      stage_outputs(m, outputs);
    } else {
      store_outputs(row_of_call, column, outputs);
    }
  }

  /// How many keys of the group the masks keep for a row, counted by the 4 lanes that share it.
  __device__ int keys_kept(const byteloom::row& of) const {
    int count = 0;
    for (int slot = lane() % 4; slot < keys; slot += 4)
      count += call.spec.keep(
                   {of.batch, of.query_head, of.key_head, of.query, key_places()[slot], of.queries, of.keys})
                   ? 1
                   : 0;
    count += __shfl_xor_sync(0xffffffffu, count, 1);
    return count + __shfl_xor_sync(0xffffffffu, count, 2);
  }

  __device__ void load_queries(int m, queries_type& queries_of_rows) const {
    const std::uint32_t own = queries_address() + static_cast<std::uint32_t>(m * query_part) +
                              fragment::piece_byte(size, lane() % 16, lane() / 16);
#pragma unroll
    for (int k = 0; k < steps; ++k)
      instruction::load_matrices(queries_of_rows[k], fragment::moved(size, own, 0, 2 * k));
  }
  __device__ void multiply_keys(int first_key, const queries_type& own_queries, scores_type& scores) const {
    const std::uint32_t own = keys_address() + first_key * (fragment::rows_bytes(8, size) / 8) +
                              fragment::piece_byte(size, lane() % 8 + lane() / 16 * 8, lane() / 8 % 2);
#pragma unroll
    for (int j = 0; j < key_groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[j][i] = 0.0f;
#pragma unroll
    for (int k = 0; k < steps; ++k)
#pragma unroll
      for (int j = 0; j < key_groups; j += 2) {
        std::uint32_t loaded[4];
        instruction::load_matrices(loaded, fragment::moved(size, own, 8 * j, 2 * k));
        instruction::mma<element>(scores[j], own_queries[k], loaded[0], loaded[1]);
        if (j + 1 < key_groups)
          instruction::mma<element>(scores[j + 1], own_queries[k], loaded[2], loaded[3]);
      }
  }

  /// Weights as left operands; what fills an odd group of 8 keys is zero.
  __device__ static void pack_weights(const scores_type& scores, weights_type& weights) {
#pragma unroll
    for (int k = 0; k < (key_groups + 1) / 2; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int j = 2 * k + i / 2;
        weights[k][i] =
            j < key_groups ? fragment::pack<element>(scores[j][i % 2 * 2], scores[j][i % 2 * 2 + 1]) : 0u;
      }
  }

  __device__ void multiply_values(int first_key, const weights_type& weights, outputs_type& outputs) const {
    const std::uint32_t own = values_address() + first_key * (fragment::rows_bytes(8, value_size) / 8) +
                              fragment::piece_byte(value_size, lane() % 16, lane() / 16);
#pragma unroll
    for (int k = 0; k < (key_groups + 1) / 2; ++k)
#pragma unroll
      for (int j = 0; j < value_groups; j += 2) {
        std::uint32_t loaded[4];
        instruction::load_matrices_transposed(loaded, fragment::moved(value_size, own, 16 * k, j));
        instruction::mma<element>(outputs[j], weights[k], loaded[0], loaded[1]);
        if (j + 1 < value_groups) instruction::mma<element>(outputs[j + 1], weights[k], loaded[2], loaded[3]);
      }
  }

  __device__ out_element* output_row(int row_of_call) const {
    return head_of(call.out, head.batch, head.query_head) + static_cast<index>(row_of_call) * call.stride.out;
  }

  /// Writes outputs by way of the place of the queries that only this warp has read, 16 bytes at a time.
  __device__ void stage_outputs(int m, const outputs_type& outputs) const {
    unsigned char* own = queries_part() + m * query_part;
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
        *reinterpret_cast<std::uint32_t*>(
            own + fragment::element_byte(value_size, 8 * half + lane() / 4, 8 * j + lane() % 4 * 2)) =
            fragment::pack<element>(outputs[j][2 * half], outputs[j][2 * half + 1]);
    __syncwarp();
    constexpr fragment::piece_share share{32, value_size};
    const int first_row = share.first_row(static_cast<unsigned>(lane()));
    const int first_piece = share.first_piece(static_cast<unsigned>(lane()));
    share.each(16, static_cast<unsigned>(lane()), [&](int below, int right) {
      const int row = first_row + below;
      const int piece = first_piece + right;
      const int row_of_call = query_places()[16 * m + row];
      if (row_of_call >= 0 && piece < value_size / 8)
        *reinterpret_cast<uint4*>(output_row(row_of_call) + 8 * piece) =
            *reinterpret_cast<const uint4*>(own + fragment::piece_byte(value_size, row, piece));
    });
  }

  /// Writes outputs straight to memory.
  __device__ void store_outputs(const int (&row_of_call)[2], int column, const outputs_type& outputs) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (row_of_call[half] < 0) continue;
      out_element* to = output_row(row_of_call[half]);
#pragma unroll
      for (int j = 0; j < value_groups; ++j) {
        out_element* place = to + (8 * j + column) * call.out.stride[3];
        const float first = outputs[j][2 * half];
        const float second = outputs[j][2 * half + 1];
        if constexpr (std::is_same_v<out_element, element>) {
          const std::uint32_t both = fragment::pack<element>(first, second);
          place[0] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both));
          place[call.out.stride[3]] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both >> 16));
        } else {
          place[0] = static_cast<out_element>(first);
          place[call.out.stride[3]] = static_cast<out_element>(second);
        }
      }
    }
  }
};

template <class Tuning, class Call>
__global__ __launch_bounds__(
    attend_packed_tile_of<Tuning, Call>.threads(),
    attend_packed_tile_of<Tuning, Call>.blocks(
        Call::spec_type::heads_type::constant_size,
        Call::spec_type::heads_type::constant_value_size)) void attend_packed_kernel(const __grid_constant__
                                                                                         Call call) {
  constexpr attend_packed_tile tile = attend_packed_tile_of<Tuning, Call>;
  using problem_type = attend_packed_problem<tile, Call>;
  extern __shared__ __align__(128) unsigned char attend_packed_shared[];
  wait_for_input();
  const int own = tile.problems == 1 ? 0 : static_cast<int>(threadIdx.x / problem_type::threads);
  const int problem = static_cast<int>(blockIdx.x) * tile.problems + own;
  if (problem >= call.problems) return;
  problem_type(call,
               attend_packed_shared + own * tile.problem_bytes(problem_type::size, problem_type::value_size),
               problem)
      .compute();
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other, over queries and keys that are turned already; T is bf16
/// or f16, O is T or float. Throws shape_error where rows of q, k or v cannot be read 16 bytes at a time; out
/// may have any strides.
template <class Tuning, class Spec, class T, class O>
void attend_packed(executor on, const Spec& spec, const device_view<const T, 4>& q,
                   const device_view<const T, 4>& k, const device_view<const T, 4>& v,
                   const device_view<O, 4>& out) {
  using group_type = typename Spec::group_type;
  using call_type = attend_packed_call<Spec, T, O>;
  constexpr attend_packed_tile tile = attend_packed_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  static_assert(tile.fits(size, value_size),
                "byteloom: a group of this policy's largest size and its heads do not fit the shared memory "
                "of a block; give a "
                "smaller bound, or say the groups as a mask such as mask::documents.");
  require_pieces(q, k, v);
  if (q.size() == 0) return;
  const index first_query = byteloom::detail::first_query_of<group_type>(q.extent[1], k.extent[1]);
  if constexpr (!byteloom::detail::is_complete<group_type>)
    clear_homeless(on, spec, out, k.extent[1], first_query);
  const index problems = index{spec.group().groups()} * q.extent[2];
  constexpr index most = 0x7fffffff;
  const auto row_stride = [](index stride) {
    if (stride > most || stride < -most)
      throw shape_error("attend: rows lie " + std::to_string(stride) +
                        " elements apart; attention inside groups takes at most 2^31.");
    return static_cast<int>(stride);
  };
  if (problems > most || q.extent[0] > 65535)
    throw shape_error(
        "attend: more than 2^31 groups times heads, or 65535 sequences, in one call; pass them in parts.");
  if (problems == 0) return;
  const call_type call{
      spec,
      q,
      k,
      v,
      out,
      {row_stride(q.stride[1]), row_stride(k.stride[1]), row_stride(v.stride[1]), row_stride(out.stride[1])},
      static_cast<int>(q.extent[2]),
      static_cast<int>(q.extent[2] / k.extent[2]),
      static_cast<int>(problems),
      static_cast<int>(first_query),
      std::is_same_v<T, O> && why_no_pieces(out).empty()};
  const auto kernel = attend_packed_kernel<Tuning, call_type>;
  constexpr std::size_t bytes = static_cast<std::size_t>(tile.shared_bytes(size, value_size));
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the " + std::to_string(bytes) +
                       " bytes of the kernel for groups of " + std::to_string(tile.largest) +
                       " tokens; give a smaller bound, or say the groups as a mask such as mask::documents.");
  const dim3 grid(static_cast<unsigned>((problems + tile.problems - 1) / tile.problems),
                  static_cast<unsigned>(q.extent[0]));
  launch(on, "attend_packed_kernel", kernel, grid, tile.threads(), bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail

#pragma nv_diagnostic pop
