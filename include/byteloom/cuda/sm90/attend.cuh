// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend: attention on Hopper for 16-bit elements. One warpgroup feeds a block by bulk copies
// (cuda/sm90/attend_feed); one to three others compute (cuda/sm90/attend_consume), by the products that stand
// here. Blocks are persistent and take query tiles in an order that puts long ones first and keeps heads that
// share the L2 cache together.

#include <cstdint>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"
#include "byteloom/cuda/instruction/tma.cuh"
#include "byteloom/cuda/instruction/wgmma.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/sm90/attend_consume.cuh"
#include "byteloom/cuda/sm90/attend_products.cuh"
#include "byteloom/cuda/sm90/attend_run.cuh"
#include "byteloom/cuda/sm90/attend_tile.hpp"
#include "byteloom/cuda/sm90/attend_work.cuh"
#include "byteloom/cuda/sm90/tensor_map.cuh"
#include "byteloom/cuda/work_counters.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// What the consumers multiply, and how scores become weights that can be multiplied.
template <attend_sm90_tile Tile, class Call>
struct attend_sm90_products : attend_sm90_key_products<Tile, Call> {
  using spec_type = typename Call::spec_type;
  using element = typename Call::element;
  using memory_type = attend_sm90_memory<Call, Tile>;
  using rows_type = fragment::score_rows<spec_type>;
  static constexpr int key_groups = Tile.keys / 8;
  static constexpr int value_groups = (memory_type::value_size + 7) / 8;
  using output_array = float[value_groups][4];
  using weight_array = std::uint32_t[key_groups / 2][4];

  using base = attend_sm90_key_products<Tile, Call>;
  using base::call;
  using base::memory;
  using typename base::score_array;

  /// Begins outputs += weights times values of a stage; a commit group of its own.
  __device__ void begin_values(int stage, const weight_array& weights, output_array& outputs) const {
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
  __device__ static void end_values(int, const weight_array&, output_array& outputs) {
    instruction::wgmma_wait<0>();
    instruction::settle(outputs);
  }

  __device__ void weigh(rows_type& rows, score_array& scores, float (&rescale)[2]) const {
    rows.weigh(call.spec, scores, rescale);
  }
  __device__ void second(const rows_type& rows, score_array& scores, int first_key) const {
    rows.second(call.spec, scores, first_key);
  }
  __device__ static void pack(const score_array& scores, weight_array& weights) {
    fragment::pack<element>(scores, weights);
  }

  // 16-bit elements have no scales, which others look up and multiply here.
  __device__ static void begin(rows_type&, const query_rows<Call>&, int) {}
  __device__ static void meet(const query_rows<Call>&, int, int) {}
  __device__ static void scale(score_array&, int) {}
  __device__ static void finish(query_tile, float (&)[2]) {}
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
  attend_sm90_run<tile, attend_sm90_products<tile, Call>>(call);
#elif __CUDA_ARCH__ >= 900
  __trap();  // the launcher does not come here: such an image has no code for this kernel
#endif
}

BYTELOOM_KERNELS_END

/// Launches for views whose shapes fit each other; T is bf16 or f16, O is one of them or float. Throws
/// shape_error where the copy engine cannot take them, and device_error where the GPU is no Hopper or the
/// program holds no code for it.
template <class Tuning, class Spec, class T, class O, class Offsets = byteloom::detail::no_offsets,
          class Rotations = no_rotations>
void attend_sm90(executor on, const Spec& spec, const device_view<const T, 4>& q,
                 const device_view<const T, 4>& k, const device_view<const T, 4>& v,
                 const device_view<O, 4>& out, const Offsets& offsets = {}, const Rotations& rotations = {}) {
  using call_type = attend_sm90_call<Spec, T, O, Offsets, Rotations>;
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
  const int section =
      attend_sm90_section(Spec::is_masked, keys * (Spec::map_count * size + value_size) * index{sizeof(T)},
                          batch * value_heads, heads / value_heads, multiprocessor_count());
  const work_counters counters(on);
  CUtensorMap out_map{};
  if constexpr (leaves_by_copies<O>) out_map = make_tensor_map("out", out, tile.group_rows);
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
                       section,
                       rotations};
  launch_attend_sm90(on, "attend_sm90_kernel", kernel, tile.threads(), tile.shared_bytes(size, value_size),
                     batch * heads * query_tiles, call);
}

}  // namespace byteloom::inline v0::cuda::detail
