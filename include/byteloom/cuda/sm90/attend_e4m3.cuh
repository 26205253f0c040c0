// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_e4m3: attention on Hopper for fp8_e4m3: the schedule of cuda/sm90/attend with products of
// 8-bit elements. Values are transposed beforehand (transpose_values). Weights are rounded to e4m3 too, times
// 2^8, which puts those from 1 down to 2^-14 where e4m3 has all its bits; the factor of a row takes it back.
// Sums over keys have two levels: the tensor cores' own inside a tile of keys, which keep about 14 bits, and
// float between tiles, where a value's scale comes in too. Scales of queries and keys join the unit of the
// scores, or multiply whole tiles of dot products; no hook of the composition sees them.

#include <cstdint>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/scales/unscaled.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/fp8.hpp"
#include "byteloom/cuda/fragment/byte_operand.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/sm90/attend_e4m3_tile.hpp"
#include "byteloom/cuda/sm90/attend_products.cuh"
#include "byteloom/cuda/sm90/attend_run.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"
#include "byteloom/cuda/sm90/tensor_map.cuh"
#include "byteloom/cuda/sm90/transpose_values.cuh"
#include "byteloom/cuda/work_counters.cuh"

namespace byteloom::inline v0::cuda::detail {

/// `Spec` is unscaled; v of the base is that of transposed_values.
template <class Spec, class Scales, class O, class Offsets>
struct attend_sm90_e4m3_call : attend_sm90_call<Spec, fp8_e4m3, O, Offsets> {
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

/// What the consumers multiply, and how scores become weights that can be multiplied.
template <attend_sm90_e4m3_tile Tile, class Call>
struct attend_sm90_e4m3_products : attend_sm90_key_products<Tile, Call> {
  using spec_type = typename Call::spec_type;
  using scales_type = typename Call::scales_type;
  using normalizer_type = typename spec_type::normalizer_type;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  static constexpr int value_size = memory_type::value_size;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int depth = Tile.keys / 32;  ///< products of 32 keys a tile
  static constexpr int value_groups = value_size / 8;
  /// Products that the values' columns are cut into, and their accumulators.
  static constexpr int parts = Tile.two_level ? value_size / Tile.value_columns : 1;
  static constexpr int part_groups = value_groups / parts;
  static constexpr bool has_scales = !std::is_same_v<scales_type, byteloom::detail::no_scales>;
  static constexpr bool scales_by_key = scales_type::keys_a_scale != 0;
  static constexpr float lift = 8.0f;
  static constexpr float lifted = 256.0f;
  using output_array = float[value_groups][4];
  using part_array = float[part_groups][4];
  using weight_array = std::uint32_t[depth][4];

  using base = attend_sm90_key_products<Tile, Call>;
  using base::call;
  using base::group;
  using base::memory;
  using typename base::score_array;

  part_array fresh;  ///< sums of one tile of keys
  /// Scales in force: of a map's dot products whatever their key, of the keys and the values of the tile that
  /// is scored, and of the values of the tile whose weights stand ready.
  float of_dots[Tile.maps], of_keys, of_values, of_ready_values;

  // Scales.

  /// For a query tile: scales that all keys share join the unit of the scores, where there is one.
  __device__ void begin(rows_type& rows, const query_rows<Call>& at, int map) {
    of_dots[map] = of_keys = of_values = of_ready_values = 1.0f;
    if constexpr (has_scales) {
      const site head = at.of_map(call, map);
      const int row = math::min(at.first_row + 64 * group, head.queries - 1);
      of_dots[map] = call.scales.template query<float>(head.batch, head.query_head, row);
      if constexpr (!scales_by_key)
        of_dots[map] *= call.scales.template key<float>(head.batch, head.key_head, 0);
      // Scores in multiples of 0 could not be told from masked ones.
      if constexpr (rows_type::folded) rows.unit *= fmaxf(of_dots[map], 1e-30f);
    }
  }
  /// For a tile of keys of a map.
  __device__ void meet(const query_rows<Call>& at, int map, int tile) {
    if constexpr (has_scales && scales_by_key) {
      const int first = tile * Tile.keys;
      of_keys = call.scales.template key<float>(at.head.batch, at.of_map(call, map).key_head, first);
      of_values = call.scales.template value<float>(at.head.batch, at.head.key_head, first);
    }
  }
  __device__ void scale(score_array& scores, int map) const {
    if constexpr (has_scales && (!rows_type::folded || scales_by_key)) {
      const float scale = rows_type::folded ? of_keys : of_dots[map] * of_keys;
#pragma unroll
      for (int j = 0; j < key_groups; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) scores[j][i] *= scale;
    }
  }
  /// Of finished outputs.
  __device__ void finish(query_tile done, float (&factors)[2]) const {
    float back = 1.0f / lifted;
    if constexpr (has_scales && !scales_by_key)
      back *= call.scales.template value<float>(done.batch, done.value_head, 0);
    factors[0] *= back;
    factors[1] *= back;
  }

  // Weights.

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

  /// Those of a second pass, which are final.
  __device__ void second(const rows_type& rows, score_array& value, int first_key) const {
    rows.second(call.spec, value, first_key);
#pragma unroll
    for (int j = 0; j < key_groups; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i) value[j][i] *= lifted;
  }

  /// Weights as the left operands of the next product.
  __device__ void pack(const score_array& value, weight_array& operand) {
    of_ready_values = of_values;
#pragma unroll
    for (int k = 0; k < depth; ++k)
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        const auto byte = [&](int which) {
          const auto place = fragment::accumulator_of(k, part, which);
          return value[place.group][place.which];
        };
        operand[k][part] = pack_e4m3(byte(0), byte(1), byte(2), byte(3));
      }
  }

  // Products.

  __device__ void begin_values(int stage, const weight_array& weights, output_array& outputs) {
    if constexpr (Tile.two_level) {
      multiply_values(stage, 0, weights, fresh, false);
    } else {
      multiply_values(stage, 0, weights, outputs, true);
    }
  }

  /// Waits for the product that has begun, and for those of the other parts; then nothing reads the stage.
  __device__ void end_values(int stage, const weight_array& weights, output_array& outputs) {
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
            sum = has_scales && scales_by_key ? fmaf(fresh[j][i], of_ready_values, sum) : sum + fresh[j][i];
          }
      }
    } else {
      instruction::settle(outputs);
    }
  }

 private:
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
    for (int k = 0; k < depth; ++k) {
      const int chunk = k * 32 / wide;
      const int inside = k * 32 % wide;
      instruction::wgmma<fp8_e4m3, Groups * 8>::registers(
          sums, weights[k], values.at(chunk * value_size * wide + inside), accumulate || k != 0);
    }
    instruction::wgmma_commit();
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
  constexpr int maps = spec_type::map_count;
  if constexpr (requires { Tuning::sm90_e4m3(needs_of<spec_type>, keys_a_scale, scored); }) {
    attend_sm90_e4m3_tile tile = Tuning::sm90_e4m3(needs_of<spec_type>, keys_a_scale, scored);
    tile.maps = maps;
    return tile;
  } else {
    return choose_attend_sm90_e4m3_tile(size, value_size, masked, keys_a_scale, scored, maps);
  }
}();

template <class Tuning, class Call>
__global__ __launch_bounds__(attend_sm90_e4m3_tile_of<Tuning, Call>.threads(),
                             1) void attend_sm90_e4m3_kernel(const __grid_constant__ Call call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  constexpr attend_sm90_e4m3_tile tile = attend_sm90_e4m3_tile_of<Tuning, Call>;
  attend_sm90_run<tile, attend_sm90_e4m3_products<tile, Call>>(call);
#elif __CUDA_ARCH__ >= 900
  __trap();  // the launcher does not come here: such an image has no code for this kernel
#endif
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other; sizes are multiples of 16; outputs of bf16 and f16 leave
/// by bulk copies. Throws shape_error where the copy engine cannot take them, and device_error where the GPU
/// is no Hopper or the program holds no code for it.
template <class Tuning, class Spec, class O, class Offsets = byteloom::detail::no_offsets>
void attend_sm90_e4m3(executor on, const Spec& scaled, const device_view<const fp8_e4m3, 4>& q,
                      const device_view<const fp8_e4m3, 4>& k, const device_view<const fp8_e4m3, 4>& v,
                      const device_view<O, 4>& out, const Offsets& offsets = {}) {
  const auto spec = byteloom::detail::unscaled(scaled);
  const auto scales = byteloom::detail::scales_of(scaled);
  using spec_type = std::remove_const_t<decltype(spec)>;
  using scales_type = std::remove_const_t<decltype(scales)>;
  using call_type = attend_sm90_e4m3_call<spec_type, scales_type, O, Offsets>;
  constexpr attend_sm90_e4m3_tile tile = attend_sm90_e4m3_tile_of<Tuning, call_type>;
  constexpr int size = Spec::heads_type::constant_size;
  constexpr int value_size = Spec::heads_type::constant_value_size;
  constexpr bool scales_fit = scales_type::queries_a_scale % 64 == 0 && scales_type::keys_a_scale % 32 == 0;
  static_assert(
      scales_fit,
      "byteloom: the Hopper attention for fp8_e4m3 takes one scale for 64 neighbouring queries (or a "
      "multiple) and for 32 keys (or a multiple); choose scales::per_block, or attend<path::simt>.");
  static_assert(
      !scales_fit || tile.fits(size, value_size, scales_type::keys_a_scale),
      "byteloom: no tile of the Hopper attention for fp8_e4m3 fits these head sizes into registers "
      "and shared memory; choose multiples of 16 up to 256, smaller ones where maps share a value, or "
      "attend<path::simt>.");
  if constexpr (scales_fit && tile.fits(size, value_size, scales_type::keys_a_scale)) {
    const auto kernel = attend_sm90_e4m3_kernel<Tuning, call_type>;
    require_sm90_code(reinterpret_cast<const void*>(kernel));
    const index batch = offsets.sequences(q.extent[0]);
    if (batch > 65535 || v.extent[2] > 65535)
      throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
    const int heads = static_cast<int>(out.extent[2]);
    const int value_heads = static_cast<int>(v.extent[2]);
    const int queries = static_cast<int>(offsets.most_queries(q.extent[1]));
    const int keys = static_cast<int>(offsets.most_keys(k.extent[1]));
    const int query_tiles = (queries + tile.queries() - 1) / tile.queries();
    const int section =
        attend_sm90_section(Spec::is_masked, keys * index{Spec::map_count * size + value_size},
                            batch * value_heads, heads / value_heads, multiprocessor_count());
    CUtensorMap out_map{};
    if constexpr (leaves_by_copies<O>) out_map = make_tensor_map("out", out, tile.group_rows);
    const auto q_map = make_tensor_map("q", q, tile.group_rows);
    const auto k_map = make_tensor_map("k", k, tile.keys);
    const work_counters counters(on);
    const transposed_values<Offsets> values(on, v, offsets);
    const call_type call{{q_map, k_map, make_tensor_map("v", values.view, value_size, tile.value_row_bytes()),
                          out_map, spec, out, offsets, counters.data(), static_cast<int>(batch), queries,
                          keys, heads, heads / value_heads, query_tiles, section},
                         scales};
    launch_attend_sm90(on, "attend_sm90_e4m3_kernel", kernel, tile.threads(),
                       tile.shared_bytes(size, value_size), batch * heads * query_tiles, call);
  }
}

}  // namespace byteloom::inline v0::cuda::detail
