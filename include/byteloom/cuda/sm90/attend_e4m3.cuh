// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_e4m3: attention on Hopper for fp8_e4m3: the schedule of cuda/sm90/attend with products of
// 8-bit elements. Values are transposed beforehand (transpose_values). Weights are rounded to e4m3 too, times
// 2^8, which puts those from 1 down to 2^-14 where e4m3 has all its bits; the factor of a row takes it back.
// Sums over keys have two levels: the tensor cores' own inside a tile of keys, which keep about 14 bits, and
// float between tiles, where a value's scale comes in too. Scales of queries and keys join the unit of the
// scores, or multiply whole tiles of dot products; no hook of the composition sees them.

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/scales/unscaled.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/fp8.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/fragment/byte_operand.hpp"
#include "byteloom/cuda/fragment/key_tiles.cuh"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/sm90/attend_e4m3_tile.hpp"
#include "byteloom/cuda/sm90/attend_feed.cuh"
#include "byteloom/cuda/sm90/attend_run.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"
#include "byteloom/cuda/sm90/tensor_map.cuh"
#include "byteloom/cuda/sm90/transpose_values.cuh"
#include "byteloom/cuda/work_counters.cuh"

namespace byteloom::inline v0::cuda::detail {

/// Elements of outputs that leave by bulk copies.
template <class O>
inline constexpr bool e4m3_staged = std::is_same_v<O, bf16> || std::is_same_v<O, f16>;

/// `Spec` is unscaled; v of the base is that of transposed_values.
template <class Spec, class Scales, class O>
struct attend_sm90_e4m3_call : attend_sm90_call<Spec, fp8_e4m3, O, byteloom::detail::no_offsets> {
  using scales_type = Scales;
  Scales scales;
};

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// Four neighbouring weights as one register, the first in the lowest byte.
__device__ inline std::uint32_t pack_e4m3(float a, float b, float c, float d) {
  std::uint32_t all;
  asm("{\n.reg .b16 low, high;\n"
      "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
      "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
      "mov.b32 %0, {low, high};\n}\n"
      : "=r"(all)
      : "f"(a), "f"(b), "f"(c), "f"(d));
  return all;
}

/// The consumers of a block at work.
template <attend_sm90_e4m3_tile Tile, class Call>
struct attend_sm90_e4m3_block {
  using spec_type = typename Call::spec_type;
  using scales_type = typename Call::scales_type;
  using normalizer_type = typename spec_type::normalizer_type;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  using walk_type = fragment::key_tiles<spec_type, Tile.keys>;
  static constexpr int size = memory_type::size;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int operands = Tile.keys / 32;
  static constexpr int value_groups = value_size / 8;
  /// Products that the values' columns are cut into, and their accumulators.
  static constexpr int parts = Tile.two_level ? value_size / Tile.value_columns : 1;
  static constexpr int part_groups = value_groups / parts;
  static constexpr bool has_scales = !std::is_same_v<scales_type, byteloom::detail::no_scales>;
  static constexpr bool scales_by_key = scales_type::keys_a_scale != 0;
  static constexpr bool staged = e4m3_staged<typename Call::out_element>;  ///< outputs leave by bulk copies
  static constexpr float lift = 8.0f;
  static constexpr float lifted = 256.0f;

  using score_array = float[key_groups][4];
  using output_array = float[value_groups][4];
  using part_array = float[part_groups][4];
  using weight_array = std::uint32_t[operands][4];

  /// A thread's upper row in the tile of queries, and its first column in a group of 8.
  struct lane_place {
    int row;
    int column;
  };

  const Call& call;
  const memory_type& memory;

  /// Consumer `group`, 128 threads.
  __device__ void compute(int group) {
    namespace ptx = instruction;
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const int lane = thread % 32;
    // Asked for anew where it is needed, since main loops have no register to keep it.
    const auto place = [&] {
      int own = thread;
      asm volatile("" : "+r"(own));
      return lane_place{64 * group + own / 32 * 16 + own % 32 / 4, own % 4 * 2};
    };
    if (Tile.ping_pong && group == Tile.warpgroups - 1) ptx::barrier_arrive(turn_of(0), 2 * 128);

    score_array scores;
    output_array outputs;
    part_array fresh;
    weight_array weights;
    ring_cursor<Tile.stages> of_keys;  // values come as often as keys, a tile later
    ring_cursor<memory_type::work_stages> of_work;
    ring_cursor<memory_type::query_stages> of_queries;
    const auto release = [&](ptx::memory_barrier& empty) {
      if (lane == 0) ptx::barrier_arrive(empty);
    };
    while (true) {
      ptx::barrier_wait(memory.work_full(of_work.stage()), of_work.parity());
      const query_tile which = memory.work(of_work.stage());
      if (which.batch < 0) break;
      const query_rows<Call> at(call, which, Tile.queries());
      walk_type walk(at.head.keys);
      rows_type rows;
      rows.start(call.spec, at.head, at.first + place().row, at.last);
      const float dot_scale = start_scales(rows, at.head, which.index * Tile.queries() + 64 * group);
#pragma unroll
      for (int j = 0; j < value_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) outputs[j][i] = 0.0f;
      int tile = walk.next(call.spec, at.over());
      const bool any = tile >= 0;
      if (any) {
        float rescale[2];
        float of_tile = scale_of_keys(at.head, tile);
        float value_scale = scale_of_values(at.head, tile);  // of the tile whose weights stand ready
        ptx::barrier_wait(memory.queries_full(of_queries.stage()), of_queries.parity());
        ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
        multiply_keys(group, of_queries.stage(), of_keys.stage(), scores);
        ptx::wgmma_wait<0>();
        ptx::settle(scores);
        release(memory.keys_empty(of_keys.stage()));
        scale_dots(scores, dot_scale, of_tile);
        rows.score(call.spec, scores, tile * Tile.keys + lane % 4 * 2, walk.partial());
        weigh(rows, scores, rescale);
        pack(scores, weights);

#pragma unroll 1
        while ((tile = walk.next(call.spec, at.over())) >= 0) {
          of_tile = scale_of_keys(at.head, tile);
          const auto of_values = of_keys;
          of_keys.advance();
          ptx::barrier_wait(memory.keys_full(of_keys.stage()), of_keys.parity());
          if (Tile.ping_pong) ptx::barrier_sync(turn_of(group), 2 * 128);
          multiply_keys(group, of_queries.stage(), of_keys.stage(), scores);
          ptx::barrier_wait(memory.values_full(of_values.stage()), of_values.parity());
          begin_values(of_values.stage(), weights, outputs, fresh);
          if (Tile.ping_pong) ptx::barrier_arrive(turn_of((group + 1) % Tile.warpgroups), 2 * 128);
          ptx::wgmma_wait<1>();
          ptx::settle(scores);
          release(memory.keys_empty(of_keys.stage()));
          scale_dots(scores, dot_scale, of_tile);
          rows.score(call.spec, scores, tile * Tile.keys + lane % 4 * 2, walk.partial());
          weigh(rows, scores, rescale);
          if constexpr (Tile.overlap && requires { rows.stay(0u); }) rows.stay(call.none);
          end_values(of_values.stage(), weights, outputs, fresh, value_scale);
          release(memory.values_empty(of_values.stage()));
          value_scale = scale_of_values(at.head, tile);
          pack(scores, weights);
          // Most tiles hold no new maximum, and nothing is to be scaled.
          if (rows_type::rescales && __any_sync(0xffffffffu, rescale[0] != 1.0f || rescale[1] != 1.0f))
            fragment::scale_rows(outputs, rescale);
        }
        if (memory_type::own_outputs) release(memory.queries_empty(of_queries.stage()));
        of_queries.advance();
        ptx::barrier_wait(memory.values_full(of_keys.stage()), of_keys.parity());
        begin_values(of_keys.stage(), weights, outputs, fresh);
        end_values(of_keys.stage(), weights, outputs, fresh, value_scale);
        release(memory.values_empty(of_keys.stage()));
        of_keys.advance();
      }
      float factor[2];
      // Read again: the main loop has no registers for it.
      const query_tile done = memory.work(of_work.stage());
      __syncwarp();
      release(memory.work_empty(of_work.stage()));
      of_work.advance();
      const int first_row = done.index * Tile.queries();
      const auto [row_of_tile, column] = place();
      rows.finish(call.spec, first_row + row_of_tile, factor);
      const query_rows<Call> end(call, done, Tile.queries());
      const float back = 1.0f / lifted * scale_of_all_values(end.head);
      factor[0] *= back;
      factor[1] *= back;
      fragment::scale_rows(outputs, factor);
      if (staged && any) {
        if (thread == 0) ptx::stores_wait();
        stage_outputs(group, row_of_tile - 64 * group, column, outputs);
        if (thread == 0) {
          for (int chunk = 0; chunk < fragment::chunks(value_size); ++chunk)
            ptx::store_box(call.out_map,
                           {chunk * fragment::chunk_columns, first_row + 64 * group, done.head, done.batch},
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
        attend_sm90_store(call, end, first_row + row_of_tile, column, outputs);
      }
    }
    if (thread == 0) ptx::stores_wait();  // shared memory lives until they have been read
  }

 private:
  __device__ static constexpr int turn_of(int group) { return 1 + group; }
  __device__ static constexpr int outputs_of(int group) { return 4 + group; }

  /// Puts the scales that all keys share into the unit of the scores, or gives them for scale_dots.
  /// `first_row` is the group's first in the call.
  __device__ float start_scales(rows_type& rows, const site& head, int first_row) const {
    if constexpr (has_scales) {
      float scale = call.scales.template query<float>(head.batch, head.query_head,
                                                      math::min(first_row, head.queries - 1));
      if constexpr (!scales_by_key) scale *= call.scales.template key<float>(head.batch, head.key_head, 0);
      // Scores in multiples of 0 could not be told from masked ones.
      if constexpr (rows_type::folded) rows.unit *= fmaxf(scale, 1e-30f);
      return scale;
    }
    return 1.0f;
  }
  __device__ float scale_of_keys(const site& head, int tile) const {
    if constexpr (has_scales && scales_by_key)
      return call.scales.template key<float>(head.batch, head.key_head, tile * Tile.keys);
    return 1.0f;
  }
  __device__ float scale_of_values(const site& head, int tile) const {
    if constexpr (has_scales && scales_by_key)
      return call.scales.template value<float>(head.batch, head.key_head, tile * Tile.keys);
    return 1.0f;
  }
  __device__ float scale_of_all_values(const site& head) const {
    if constexpr (has_scales && !scales_by_key)
      return call.scales.template value<float>(head.batch, head.key_head, 0);
    return 1.0f;
  }
  __device__ static void scale_dots(score_array& scores, float dot_scale, float of_tile) {
    if constexpr (has_scales && (!rows_type::folded || scales_by_key)) {
      const float scale = rows_type::folded ? of_tile : dot_scale * of_tile;
#pragma unroll
      for (int j = 0; j < key_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) scores[j][i] *= scale;
    }
  }

  /// score_rows::weigh for weights times 2^8; the normalizer is told their true sum.
  __device__ void weigh(rows_type& rows, score_array& value, float (&rescale)[2]) const {
    const auto normalizer = call.spec.normalizer();
    constexpr bool by_unit = rows_type::by_unit;
    const float unit = rows.exponent_unit();
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      rescale[row] = 1.0f;
      auto& state = rows.state[row];
      if constexpr (rows_type::rescales) {
        float largest = value[0][2 * row];
#pragma unroll
        for (int j = 0; j < key_groups; ++j)
#pragma unroll
          for (int c = 0; c < 2; ++c) largest = fmaxf(largest, value[j][2 * row + c]);
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, 2));
        if constexpr (by_unit) {
          rescale[row] = normalizer.raise(state, largest, unit);
        } else {
          rescale[row] = normalizer.raise(state, largest);
        }
      }
      float sum = 0;
#pragma unroll
      for (int j = 0; j < key_groups; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float& x = value[j][2 * row + c];
          if constexpr (by_unit && byteloom::detail::lifts_weights<normalizer_type>) {
            x = normalizer.weight(state, x, unit, lift);
          } else if constexpr (by_unit) {
            x = normalizer.weight(state, x, unit) * lifted;
          } else {
            x = normalizer.weight(state, x) * lifted;
          }
          sum += x;
        }
      normalizer.add(state, sum * (1.0f / lifted));
    }
  }

  /// Weights as the left operands of the next product.
  __device__ static void pack(const score_array& value, weight_array& operand) {
#pragma unroll
    for (int k = 0; k < operands; ++k)
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        const auto byte = [&](int which) {
          const auto place = fragment::accumulator_of(k, part, which);
          return value[place.group][place.which];
        };
        operand[k][part] = pack_e4m3(byte(0), byte(1), byte(2), byte(3));
      }
  }

  /// scores = queries of the group times keys of a stage; a commit group of its own.
  __device__ void multiply_keys(int group, int place, int stage, score_array& scores) const {
    const fragment::descriptor queries(uniform(instruction::shared_address(memory.queries(place, group, 0))),
                                       16);
    const fragment::descriptor keys(uniform(instruction::shared_address(memory.keys(stage))), 16);
    instruction::settle(scores);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < (size + 31) / 32; ++k) {
      const int chunk = k / 4;
      const int inside = k % 4 * 32;
      instruction::wgmma<fp8_e4m3, Tile.keys>::shared(
          scores, queries.at(chunk * Tile.group_rows * fragment::chunk_row_bytes + inside),
          keys.at(chunk * Tile.keys * fragment::chunk_row_bytes + inside), k != 0);
    }
    instruction::wgmma_commit();
  }

  /// sums = weights times a part of the values' columns, or sums += where `accumulate`; a commit group.
  template <int Groups>
  __device__ void multiply_values(int stage, int part, const weight_array& weights, float (&sums)[Groups][4],
                                  bool accumulate) const {
    constexpr int wide = Tile.value_row_bytes();
    const std::uint32_t first = instruction::shared_address(memory.values(stage)) +
                                static_cast<std::uint32_t>(part * Groups * 8 * wide);
    const fragment::descriptor values(uniform(first), 16, wide);
    instruction::settle(sums);
    instruction::wgmma_fence();
#pragma unroll
    for (int k = 0; k < operands; ++k) {
      const int chunk = k * 32 / wide;
      const int inside = k * 32 % wide;
      instruction::wgmma<fp8_e4m3, Groups * 8>::registers(
          sums, weights[k], values.at(chunk * value_size * wide + inside), accumulate || k != 0);
    }
    instruction::wgmma_commit();
  }

  __device__ void begin_values(int stage, const weight_array& weights, output_array& outputs,
                               part_array& fresh) const {
    if constexpr (Tile.two_level) {
      multiply_values(stage, 0, weights, fresh, false);
    } else {
      multiply_values(stage, 0, weights, outputs, true);
    }
  }

  /// Waits for the product that has begun, and for those of the other parts; then nothing reads the stage.
  __device__ void end_values(int stage, const weight_array& weights, output_array& outputs, part_array& fresh,
                             float value_scale) const {
    instruction::wgmma_wait<0>();
    if constexpr (Tile.two_level) {
#pragma unroll
      for (int part = 0; part < parts; ++part) {
        if (part > 0) {
          multiply_values(stage, part, weights, fresh, false);
          instruction::wgmma_wait<0>();
        }
        instruction::settle(fresh);
#pragma unroll
        for (int j = 0; j < part_groups; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            float& sum = outputs[part * part_groups + j][i];
            sum = has_scales && scales_by_key ? fmaf(fresh[j][i], value_scale, sum) : sum + fresh[j][i];
          }
      }
    } else {
      instruction::settle(outputs);
    }
  }

  /// Writes the group's outputs to their place in shared memory, for a bulk copy.
  __device__ void stage_outputs(int group, int row, int column, const output_array& outputs) const {
    instruction::barrier_sync(outputs_of(group), 128);  // the place is free: what stood there has been read
    asm volatile("" : "+r"(row), "+r"(column));  // else addresses are kept in registers from tile to tile
#pragma unroll
    for (int j = 0; j < value_groups; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<std::uint32_t*>(
            memory.outputs(group) + fragment::swizzled(Tile.group_rows, row + 8 * half, 8 * j + column)) =
            fragment::pack<typename Call::out_element>(outputs[j][2 * half], outputs[j][2 * half + 1]);
    instruction::publish_to_copies();
    instruction::barrier_sync(outputs_of(group), 128);
  }
};

#endif

/// The tile of a composition: what the tuning says, or the library's choice where it says nothing of e4m3.
template <class Tuning, class Call>
inline constexpr attend_sm90_e4m3_tile attend_sm90_e4m3_tile_of = [] {
  using spec_type = typename Call::spec_type;
  constexpr int size = spec_type::heads_type::constant_size;
  constexpr int value_size = spec_type::heads_type::constant_value_size;
  constexpr int keys_a_scale = Call::scales_type::keys_a_scale;
  constexpr bool masked = spec_type::is_masked;
  constexpr bool scored = !fragment::score_rows<spec_type>::folded;
  if constexpr (requires { Tuning::sm90_e4m3(needs_of<spec_type>, keys_a_scale, scored); }) {
    return Tuning::sm90_e4m3(needs_of<spec_type>, keys_a_scale, scored);
  } else {
    return choose_attend_sm90_e4m3_tile(size, value_size, masked, keys_a_scale, scored);
  }
}();

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm90_e4m3_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm90_e4m3_kernel(const __grid_constant__ Call call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  constexpr attend_sm90_e4m3_tile tile = attend_sm90_e4m3_tile_of<Tuning, Call>;
  attend_sm90_run<tile, attend_sm90_e4m3_block<tile, Call>>(call);
#elif __CUDA_ARCH__ >= 900
  __trap();  // the launcher does not come here: such an image has no code for this kernel
#endif
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other; sizes are multiples of 16; outputs of bf16 and f16 leave
/// by bulk copies. Throws shape_error where the copy engine cannot take them, and device_error where the GPU
/// is no Hopper or the program holds no code for it.
template <class Tuning, class Spec, class O>
void attend_sm90_e4m3(executor on, const Spec& scaled, const device_view<const fp8_e4m3, 4>& q,
                      const device_view<const fp8_e4m3, 4>& k, const device_view<const fp8_e4m3, 4>& v,
                      const device_view<O, 4>& out) {
  const auto spec = byteloom::detail::unscaled(scaled);
  const auto scales = byteloom::detail::scales_of(scaled);
  using spec_type = std::remove_const_t<decltype(spec)>;
  using scales_type = std::remove_const_t<decltype(scales)>;
  using call_type = attend_sm90_e4m3_call<spec_type, scales_type, O>;
  constexpr attend_sm90_e4m3_tile tile = attend_sm90_e4m3_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  constexpr bool scales_fit = scales_type::queries_a_scale % 64 == 0 && scales_type::keys_a_scale % 32 == 0;
  static_assert(
      scales_fit,
      "byteloom: the Hopper attention for fp8_e4m3 takes one scale for 64 neighbouring queries (or a "
      "multiple) and for 32 keys (or a multiple); choose scales::per_block, or attend<path::simt>.");
  static_assert(!scales_fit || tile.fits(size, value_size, scales_type::keys_a_scale),
                "byteloom: no tile of the Hopper attention for fp8_e4m3 fits these head sizes into registers "
                "and shared memory; choose multiples of 16 up to 256, or attend<path::simt>.");
  if constexpr (scales_fit && tile.fits(size, value_size, scales_type::keys_a_scale)) {
    const auto kernel = attend_sm90_e4m3_kernel<Tuning, call_type>;
    require_sm90_code(reinterpret_cast<const void*>(kernel));
    if (q.extent[0] > 65535 || v.extent[2] > 65535)
      throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
    const int heads = static_cast<int>(q.extent[2]);
    const int key_heads = static_cast<int>(k.extent[2]);
    const index batch = q.extent[0];
    const int queries = static_cast<int>(q.extent[1]);
    const int keys = static_cast<int>(k.extent[1]);
    const int query_tiles = (queries + tile.queries() - 1) / tile.queries();
    const int section =
        attend_sm90_section(keys * index{size + value_size}, batch * key_heads, heads / key_heads);
    CUtensorMap out_map{};
    if constexpr (e4m3_staged<O>) out_map = make_tensor_map("out", out, tile.group_rows);
    const auto q_map = make_tensor_map("q", q, tile.group_rows);
    const auto k_map = make_tensor_map("k", k, tile.keys);
    const work_counters counters(on);
    const transposed_values values(on, v);
    const call_type call{{q_map,
                          k_map,
                          make_tensor_map("v", values.view, value_size, tile.value_row_bytes()),
                          out_map,
                          spec,
                          out,
                          {},
                          counters.data(),
                          static_cast<int>(batch),
                          queries,
                          keys,
                          heads,
                          heads / key_heads,
                          query_tiles,
                          section},
                         scales};
    launch_attend_sm90(on, "attend_sm90_e4m3_kernel", kernel, tile.threads(),
                       tile.shared_bytes(size, value_size), batch * heads * query_tiles, call);
  }
}

}  // namespace byteloom::inline v0::cuda::detail
