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
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"
#include "byteloom/cuda/sm90/tensor_map.cuh"

#if defined(__CUDACC_RDC__)
#error \
    "byteloom: kernels for Hopper are compiled as whole programs; with -rdc=true the compiler gives up their registers. Compile this file without it (CUDA_SEPARABLE_COMPILATION OFF)."
#endif
#if defined(__CUDACC_DEBUG__)
#error \
    "byteloom: kernels for Hopper need optimisation; with -G the compiler gives up their registers. Use -lineinfo instead, or attend<path::sm80>."
#endif

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class T, class O, class Offsets>
struct attend_sm90_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;
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
template <class Call, attend_sm90_tile Tile>
struct attend_sm90_memory {
  using heads_type = typename Call::spec_type::heads_type;
  static constexpr int size = heads_type::constant_size;
  static constexpr int value_size = heads_type::constant_value_size;
  static constexpr int key_bytes = fragment::tile_bytes(Tile.keys, size);
  static constexpr int value_bytes = fragment::tile_bytes(Tile.keys, value_size);

  static constexpr bool own_outputs = Tile.own_outputs(size, value_size);
  static constexpr int first_keys =
      math::max(fragment::tile_bytes(Tile.queries(), size) +
                    (own_outputs ? fragment::tile_bytes(Tile.queries(), value_size) : 0),
                fragment::tile_bytes(Tile.queries(), value_size));

  unsigned char* tiles;
  instruction::memory_barrier* barriers;

  __device__ explicit attend_sm90_memory(unsigned char* shared) {
    tiles = shared + (1024 - instruction::shared_address(shared) % 1024) % 1024;
    barriers = reinterpret_cast<instruction::memory_barrier*>(values(Tile.stages));
  }
  __device__ unsigned char* queries() const { return tiles; }
  __device__ unsigned char* outputs() const {
    return own_outputs ? tiles + fragment::tile_bytes(Tile.queries(), size) : tiles;
  }
  __device__ unsigned char* keys(int stage) const { return tiles + first_keys + stage * key_bytes; }
  __device__ unsigned char* values(int stage) const { return keys(Tile.stages) + stage * value_bytes; }
  __device__ instruction::memory_barrier& queries_full() const { return barriers[0]; }
  __device__ instruction::memory_barrier& queries_empty() const { return barriers[1]; }
  __device__ instruction::memory_barrier& keys_full(int stage) const { return barriers[2 + stage]; }
  __device__ instruction::memory_barrier& keys_empty(int stage) const { return barriers[4 + stage]; }
  __device__ instruction::memory_barrier& values_full(int stage) const { return barriers[6 + stage]; }
  __device__ instruction::memory_barrier& values_empty(int stage) const { return barriers[8 + stage]; }
  /// Numbers of query tiles on their way from the producer to the consumers.
  __device__ int& work(int place) const { return reinterpret_cast<int*>(barriers + 14)[place]; }
  __device__ instruction::memory_barrier& work_full(int place) const { return barriers[10 + place]; }
  __device__ instruction::memory_barrier& work_empty(int place) const { return barriers[12 + place]; }
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

/// One block at work: feed() is the producer's part, compute() that of each consumer.
template <attend_sm90_tile Tile, class Call>
struct attend_sm90_block {
  using spec_type = typename Call::spec_type;
  using element = typename Call::element;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  using walk_type = fragment::key_tiles<spec_type, Tile.keys>;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (value_size + 7) / 8;
  static constexpr bool staged =
      std::is_same_v<typename Call::out_element, element>;  ///< outputs leave by bulk copies

  const Call& call;
  memory_type memory;

  /// Starts the barriers; by one thread, before all others go on.
  __device__ void start() {
    namespace ptx = instruction;
    constexpr unsigned warps = 4 * Tile.warpgroups;
    ptx::barrier_start(memory.queries_full(), 1);
    ptx::barrier_start(memory.queries_empty(), warps);
    for (int stage = 0; stage < Tile.stages; ++stage) {
      ptx::barrier_start(memory.work_full(stage), 1);
      ptx::barrier_start(memory.work_empty(stage), warps);
      ptx::barrier_start(memory.keys_full(stage), 1);
      ptx::barrier_start(memory.keys_empty(stage), warps);
      ptx::barrier_start(memory.values_full(stage), 1);
      ptx::barrier_start(memory.values_empty(stage), warps);
    }
    ptx::barrier_publish();
  }

  /// One warp loads keys, then the queries, then each next tile of keys before the values of the one before,
  /// the order in which they are needed.
  __device__ void feed() {
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

  /// Consumer `group`, 128 threads.
  __device__ void compute(int group) {
    namespace ptx = instruction;
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const int lane = thread % 32;
    const int row_of_tile = 64 * group + thread / 32 * 16 + lane / 4;
    const int column = lane % 4 * 2;
    if (Tile.ping_pong && group == Tile.warpgroups - 1) ptx::barrier_arrive(turn_of(0), 2 * 128);

    float scores[key_groups][4];
    float outputs[value_groups][4];
    std::uint32_t weights[key_groups / 2][4];
    ring_cursor<Tile.stages> of_keys, of_values, of_work;
    ring_cursor<1> of_queries;
    query_tile which;
    const auto release = [&](ptx::memory_barrier& empty) {
      if (lane == 0) ptx::barrier_arrive(empty);
    };
    while (true) {
      ptx::barrier_wait(memory.work_full(of_work.stage()), of_work.parity());
      const bool more = find_query_tile(call, memory.work(of_work.stage()), which);
      __syncwarp();
      release(memory.work_empty(of_work.stage()));
      of_work.advance();
      if (!more) break;
      const query_rows<Call> at(call, which, Tile.queries());
      walk_type walk(at.head.keys);
      rows_type rows;
      rows.start(call.spec, at.head, at.first + row_of_tile, at.last);
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[j][i] = 0.0f;
      int tile = walk.next(call.spec, at.over());
      const bool any = tile >= 0;
      if (any) {
        float rescale[2];
        ptx::barrier_wait(memory.queries_full(), of_queries.parity());
        of_queries.advance();
        ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
        multiply_keys(group, of_keys.stage(), scores);
        ptx::wgmma_wait<0>();
        ptx::settle(scores);
        release(memory.keys_empty(of_keys.stage()));
        of_keys.advance();
        rows.score(call.spec, scores, tile * Tile.keys + column, walk.partial());
        rows.weigh(call.spec, scores, rescale);
        fragment::pack<element>(scores, weights);

#pragma unroll 1
        while ((tile = walk.next(call.spec, at.over())) >= 0) {
          ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
          if (Tile.ping_pong) ptx::barrier_sync(turn_of(group), 2 * 128);
          multiply_keys(group, of_keys.stage(), scores);
          ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
          multiply_values(of_values.stage(), weights, outputs);
          if (Tile.ping_pong) ptx::barrier_arrive(turn_of((group + 1) % Tile.warpgroups), 2 * 128);
          ptx::wgmma_wait<1>();
          ptx::settle(scores);
          release(memory.keys_empty(of_keys.stage()));
          of_keys.advance();
          rows.score(call.spec, scores, tile * Tile.keys + column, walk.partial());
          rows.weigh(call.spec, scores, rescale);
          if constexpr (Tile.overlap && requires { rows.stay(0u); }) rows.stay(call.none);
          ptx::wgmma_wait<0>();
          ptx::settle(outputs);
          release(memory.values_empty(of_values.stage()));
          of_values.advance();
          fragment::pack<element>(scores, weights);
          // Most tiles hold no new maximum, and nothing is to be scaled.
          if (rows_type::rescales && __any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f))
            scale_outputs(outputs, rescale);
        }
        if (memory_type::own_outputs) release(memory.queries_empty());
        ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
        multiply_values(of_values.stage(), weights, outputs);
        ptx::wgmma_wait<0>();
        ptx::settle(outputs);
        release(memory.values_empty(of_values.stage()));
        of_values.advance();
      }
      float factor[2];
      const int first_row = which.index * Tile.queries();
      rows.finish(call.spec, first_row + row_of_tile, factor);
      scale_outputs(outputs, factor);
      if constexpr (Call::ragged)
        asm volatile("" : "+r"(which.batch));  // else this is kept in registers, not read again
      const query_rows<Call> end(call, which, Tile.queries());
      // A bulk copy would write over the next sequence where this one ends inside the group.
      const bool whole = !Call::ragged || first_row + 64 * group + 64 <= end.head.queries;
      if (staged && any && whole) {
        if (thread == 0) ptx::stores_wait();
        stage_outputs(group, row_of_tile, column, outputs);
        if (thread == 0) {
          for (int chunk = 0; chunk < fragment::chunks(value_size); ++chunk)
            ptx::store_box(
                call.out_map,
                {chunk * fragment::chunk_columns, end.query_row + first_row + 64 * group, which.head,
                 end.plane},
                memory.outputs() + (chunk * Tile.queries() + 64 * group) * fragment::chunk_row_bytes);
          ptx::stores_commit();
        }
        if (!memory_type::own_outputs) {  // the queries' place is free when the outputs have left
          if (thread == 0) ptx::stores_wait();
          ptx::barrier_sync(outputs_of(group), 128);
          release(memory.queries_empty());
        }
      } else {
        if (any && !memory_type::own_outputs) release(memory.queries_empty());
        store_outputs(end, first_row + row_of_tile, column, outputs);
      }
    }
    if (thread == 0) ptx::stores_wait();  // shared memory lives until they have been read
  }

 private:
  __device__ static constexpr int turn_of(int group) { return 1 + group; }
  __device__ static constexpr int outputs_of(int group) { return 4 + group; }

  __device__ static void load(const CUtensorMap& map, unsigned char* to, int rows, int columns,
                              const std::int32_t (&at)[4], instruction::memory_barrier& full) {
    instruction::barrier_expect(full, static_cast<std::uint32_t>(fragment::tile_bytes(rows, columns)));
    for (int chunk = 0; chunk < fragment::chunks(columns); ++chunk)
      instruction::copy_box(to + chunk * rows * fragment::chunk_row_bytes, map,
                            {chunk * fragment::chunk_columns, at[1], at[2], at[3]}, full);
  }

  /// scores = queries of the group times keys of a stage; a commit group of its own.
  __device__ void multiply_keys(int group, int stage, float (&scores)[key_groups][4]) const {
    std::uint32_t own = instruction::shared_address(memory.queries()) +
                        static_cast<std::uint32_t>(64 * group * fragment::chunk_row_bytes);
    asm volatile(""
                 : "+r"(own));  // else the descriptors of all steps are kept in registers from tile to tile
    const std::uint64_t queries = fragment::descriptor(own, 16);
    const std::uint64_t keys = fragment::descriptor(instruction::shared_address(memory.keys(stage)), 16);
    instruction::settle(scores);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < (size + 15) / 16; ++k) {
      const int chunk = k / 4;
      const int inside = k % 4 * 32;
      instruction::wgmma<element, Tile.keys>::shared(
          scores, queries + (chunk * Tile.queries() * fragment::chunk_row_bytes + inside) / 16,
          keys + (chunk * Tile.keys * fragment::chunk_row_bytes + inside) / 16, k != 0);
    }
    instruction::wgmma_commit();
  }

  /// outputs += weights times values of a stage; a commit group of its own.
  __device__ void multiply_values(int stage, const std::uint32_t (&weights)[key_groups / 2][4],
                                  float (&outputs)[value_groups][4]) const {
    const std::uint64_t values = fragment::descriptor(instruction::shared_address(memory.values(stage)),
                                                      Tile.keys * fragment::chunk_row_bytes);
    instruction::settle(outputs);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < key_groups / 2; ++k)
      instruction::wgmma<element, value_groups * 8>::registers(
          outputs, weights[k], values + k * 16 * fragment::chunk_row_bytes / 16);
    instruction::wgmma_commit();
  }

  __device__ static void scale_outputs(float (&outputs)[value_groups][4], const float (&factor)[2]) {
#pragma unroll
    for (int j = 0; j < value_groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) outputs[j][i] *= factor[i / 2];
  }

  /// Writes the group's outputs over its queries, for a bulk copy.
  __device__ void stage_outputs(int group, int row, int column,
                                const float (&outputs)[value_groups][4]) const {
    instruction::barrier_sync(outputs_of(group), 128);  // the place is free: what stood there has been read
    asm volatile("" : "+r"(row), "+r"(column));  // else addresses are kept in registers from tile to tile
#pragma unroll
    for (int j = 0; j < value_groups; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<std::uint32_t*>(
            memory.outputs() + fragment::swizzled(Tile.queries(), row + 8 * half, 8 * j + column)) =
            fragment::pack<element>(outputs[j][2 * half], outputs[j][2 * half + 1]);
    instruction::publish_to_copies();
    instruction::barrier_sync(outputs_of(group), 128);
  }

  /// Writes outputs straight to memory; `row` is the upper one's number in the call.
  __device__ void store_outputs(const query_rows<Call>& at, int row, int column,
                                const float (&outputs)[value_groups][4]) const {
    using out_element = typename Call::out_element;
    asm volatile("" : "+r"(row), "+r"(column));
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (row + 8 * half >= at.head.queries) continue;
      out_element* to = call.out.data + at.plane * call.out.stride[0] +
                        static_cast<index>(at.query_row + row + 8 * half) * call.out.stride[1] +
                        at.head.query_head * call.out.stride[2];
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c)
          to[(8 * j + column + c) * call.out.stride[3]] = static_cast<out_element>(outputs[j][2 * half + c]);
    }
  }
};

#endif

template <class Tuning, class Call>
inline constexpr attend_sm90_tile attend_sm90_tile_of =
    Tuning::sm90(Call::spec_type::heads_type::constant_size, Call::spec_type::heads_type::constant_value_size,
                 Call::spec_type::is_masked);

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm90_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm90_kernel(const __grid_constant__ Call call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  namespace ptx = instruction;
  constexpr attend_sm90_tile tile = attend_sm90_tile_of<Tuning, Call>;
  extern __shared__ unsigned char attend_shared[];
  attend_sm90_block<tile, Call> block{call, attend_sm90_memory<Call, tile>(attend_shared)};
  if (threadIdx.x == 0) block.start();
  __syncthreads();
  wait_for_input();
  const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
  if (warp < 4) {
    ptx::give_registers<tile.producer_registers()>();
    if (warp == 0) block.feed();
  } else {
    ptx::take_registers<tile.consumer_registers()>();
    block.compute(warp / 4 - 1);
  }
#elif __CUDA_ARCH__ >= 900
  __trap();  // the launcher does not come here: such an image has no code for this kernel
#endif
}

BYTELOOM_KERNELS_END

/// Throws device_error where the current GPU is no Hopper, or the program's code for it has no body, as in
/// files that were compiled for sm_90 without the "a", or for older architectures alone.
inline void require_sm90_code(const void* kernel) {
  int device = 0;
  int major = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "asking for the GPU's capability");
  if (major != 9)
    throw device_error("attend: path::sm90 needs a Hopper GPU; choose path::best or path::sm80.");
  cudaFuncAttributes found{};
  const cudaError_t asked = cudaFuncGetAttributes(&found, kernel);
  if (asked != cudaSuccess) raise_launch(asked, "attend_sm90_kernel");
  constexpr int least_registers = 64;  // a kernel without a body has next to none
  if (found.numRegs < least_registers)
    throw device_error(
        "attend: this GPU is a Hopper, and the program holds no code of the attention kernel for it; add "
        "90a-real to CMAKE_CUDA_ARCHITECTURES, or choose attend<path::sm80>.");
}

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
                "memory; choose "
                "multiples of 8 up to 256, or attend<path::simt>.");
  const auto kernel = attend_sm90_kernel<Tuning, call_type>;
  require_sm90_code(reinterpret_cast<const void*>(kernel));
  const int heads = static_cast<int>(q.extent[2]);
  const int key_heads = static_cast<int>(k.extent[2]);
  const index batch = offsets.sequences(q.extent[0]);
  const int queries = static_cast<int>(offsets.most_queries(q.extent[1]));
  const int keys = static_cast<int>(offsets.most_keys(k.extent[1]));
  const int query_tiles = (queries + tile.queries() - 1) / tile.queries();
  const index key_head_bytes = std::max<index>(1, keys * (size + value_size) * index{sizeof(T)});
  constexpr index share = 32 << 20;  // of the L2 cache, for the keys and values of a section
  const auto key_heads_of_section = std::clamp<index>(share / key_head_bytes, 1, batch * key_heads);
  buffer<int> counters(on, 2);
  check(cudaMemsetAsync(counters.data(), 0, 2 * sizeof(int), on.stream), "clearing counters");
  CUtensorMap out_map{};
  if constexpr (std::is_same_v<T, O>) out_map = make_tensor_map("out", out, 64);
  const call_type call{make_tensor_map("q", q, tile.queries()),
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
                       key_heads,
                       query_tiles,
                       static_cast<int>(key_heads_of_section) * (heads / key_heads)};
  int device = 0;
  int multiprocessors = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "asking for multiprocessors");
  const index work = batch * heads * query_tiles;
  constexpr std::size_t bytes = static_cast<std::size_t>(tile.shared_bytes(size, value_size));
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the kernel's " +
                       std::to_string(bytes) + " bytes; it is no Hopper.");
  launch(on, "attend_sm90_kernel", kernel,
         dim3(static_cast<unsigned>(std::min<index>(multiprocessors, work))), tile.threads(), bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail
