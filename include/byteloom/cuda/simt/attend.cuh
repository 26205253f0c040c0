// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/simt/attend: attention in float without tensor cores, for any composition, element types and sizes;
// decoding uses it too. A block owns one query of one head of the output (so of several query heads, where
// maps share a value); its warps take tiles of 32 keys in turn, a lane a key, and join their (state, sum)
// pairs at the end by the normalizer's merge.

#include <algorithm>
#include <string>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/warp.cuh"

// A hook that forgot BYTELOOM_HD is an error here too: kernels call them through the composition.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0 {
namespace cuda::detail {

/// Head sizes that are known at run time only may be this large.
inline constexpr int largest_dynamic_size = 256;

template <int Size>
inline constexpr int size_bound = Size == dynamic ? largest_dynamic_size : Size;

template <class Spec, class Q, class K, class V, class O, class Offsets>
struct attend_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;

  Spec spec;
  device_view<Q, 4> q;
  device_view<K, 4> k;
  device_view<V, 4> v;
  device_view<const int, 1> lengths;  ///< no data: all keys of k count
  device_view<O, 4> out;
  bool vector;  ///< rows of keys start at 16 bytes
  Offsets offsets;
};

/// Warps of a block that owns few queries: fewer where a lane holds more of the output, or hooks change it,
/// for its registers' sake.
template <class Spec>
inline constexpr int many_warps = [] {
  constexpr int held = size_bound<Spec::heads_type::constant_value_size> * Spec::map_count;
  if (held > 1024) return 1;
  return held > 64 || Spec::has_output_policy ? 8 : 16;
}();

BYTELOOM_KERNELS_BEGIN

/// The dot product of a query in shared memory with one key. `vector`: rows of the key start at 16 bytes.
template <int Size, class K>
__device__ float dot_key(const float* query, const K* key, int size, bool vector) {
  float sum = 0;
  constexpr int run = 16 / sizeof(K);
  if (vector) {
    struct alignas(16) word {
      K element[run];
    };
    const auto* words = reinterpret_cast<const word*>(key);
    for (int i = 0; i < size / run; ++i) {
      const word loaded = words[i];
#pragma unroll
      for (int j = 0; j < run; ++j) sum += query[i * run + j] * static_cast<float>(loaded.element[j]);
    }
  } else {
    for (int i = 0; i < size; ++i) sum += query[i] * static_cast<float>(key[i]);
  }
  return sum;
}

template <int Warps, class Call>
__global__ __launch_bounds__(Warps * 32, 1) void attend_kernel(const __grid_constant__ Call call) {
  using spec_type = decltype(call.spec);
  using heads_type = typename spec_type::heads_type;
  using state_type = typename spec_type::normalizer_type::template state<float>;
  constexpr int size_limit = size_bound<heads_type::constant_size>;
  constexpr int value_limit = size_bound<heads_type::constant_value_size>;
  constexpr int own = (value_limit + 31) / 32;  // dimensions of the output that a lane holds
  constexpr int maps = spec_type::map_count;
  constexpr int query_room = (size_limit + 3) / 4 * 4;  // whole words: the compiler reads 4 at a time
  __shared__ alignas(16) float query_of[maps][query_room];
  __shared__ float sums_of[Warps][maps][own * 32];
  __shared__ state_type states_of[Warps][maps];

  wait_for_input();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const index row = blockIdx.x;
  const int head = static_cast<int>(blockIdx.y);
  const int batch = static_cast<int>(blockIdx.z);
  // Where the sequence lies along the axes of sequences and positions.
  int plane = batch;
  index query_row = 0;
  index key_row = 0;
  index queries = call.q.extent[1];
  int keys = static_cast<int>(call.k.extent[1]);
  if constexpr (Call::ragged) {
    plane = 0;
    query_row = call.offsets.queries(batch);
    key_row = call.offsets.keys(batch);
    queries = call.offsets.queries(batch + 1) - query_row;
    keys = static_cast<int>(call.offsets.keys(batch + 1) - key_row);
    if (row >= queries) return;
  }
  const int group = static_cast<int>(call.q.extent[2] / call.k.extent[2]);
  const int value_head = head / group;
  const int size = static_cast<int>(call.q.extent[3]);
  const int value_size = static_cast<int>(call.v.extent[3]);
  if (call.lengths.data != nullptr) keys = math::min(keys, call.lengths.data[batch * call.lengths.stride[0]]);
  int query = static_cast<int>(call.spec.first_query(queries, keys) + row);
  // A sequence with more queries than keys breaks the caller's promise; positions stay in range all the same.
  if constexpr (Call::ragged && !spec_type::stands_apart) query = math::max(query, 0);
  const auto normalizer = call.spec.normalizer();

#pragma unroll
  for (int map = 0; map < maps; ++map)
    for (int i = static_cast<int>(threadIdx.x); i < size; i += Warps * 32)
      query_of[map][i] = static_cast<float>(call.q(plane, query_row + row, head * maps + map, i));
  __syncthreads();

  // The row of a query head.
  const auto row_of = [&](int map) {
    const int query_head = head * maps + map;
    return byteloom::row{
        batch, query_head, call.spec.key_head(query_head, group), query, static_cast<int>(queries), keys};
  };
  const auto site_of = [&](int map, int key) {
    const byteloom::row at = row_of(map);
    return site{at.batch, at.query_head, at.key_head, at.query, key, at.queries, at.keys};
  };
  float row_scales[maps];
  int counts[maps];
#pragma unroll
  for (int map = 0; map < maps; ++map) {
    row_scales[map] = 1;
    counts[map] = 0;
    if constexpr (spec_type::needs_count) {
      int count = call.spec.count(row_of(map));
      if (count < 0) {
        count = 0;
        for (int first_key = 0; first_key < keys; first_key += Warps * 32) {
          const int key = first_key + static_cast<int>(threadIdx.x);
          count += __syncthreads_count(key < keys && call.spec.keep(site_of(map, math::min(key, keys - 1))));
        }
      }
      counts[map] = count;
      row_scales[map] = call.spec.template row_scale<float>(row_of(map), count);
    }
  }

  state_type states[maps] = {};
  float sums[maps][own] = {};
  // What the masks do to a tile of 32 keys for a query head.
  const auto cover_of = [&](int map, int first_key, int last_key) {
    return call.spec.cover(
        tile{batch, head * maps + map, query, query, first_key, last_key, static_cast<int>(queries), keys});
  };
  // A lane's score of the tile of 32 keys; minus infinity where the masks drop it or there is no key.
  const auto score_of = [&](int map, int first_key, int last_key, coverage cover) {
    const int key = first_key + lane;
    float score = -math::infinity<float>;
    if (key <= last_key && cover != coverage::none) {
      const site at = site_of(map, key);
      if (cover == coverage::full || call.spec.keep(at)) {
        const auto* from = call.k.data + plane * call.k.stride[0] + (key_row + key) * call.k.stride[1] +
                           at.key_head * call.k.stride[2];
        score = call.spec.score(dot_key<size_limit>(query_of[map], from, size, call.vector), at);
      }
    }
    if constexpr (spec_type::has_row_scale)  // a key that a score policy hides stays hidden
      if (score != -math::infinity<float>) score *= row_scales[map];
    return score;
  };
  const auto add_values = [&](float(&weights)[maps], int first_key, int last_key) {
    if constexpr (spec_type::has_scales) {
      const float scale =
          call.spec.template value_scale<float>(batch, value_head, math::min(first_key + lane, last_key));
#pragma unroll
      for (int map = 0; map < maps; ++map) weights[map] *= scale;
    }
    const auto* from = call.v.data + plane * call.v.stride[0] + (key_row + first_key) * call.v.stride[1] +
                       value_head * call.v.stride[2];
    // All 32 turns without a branch, so that their loads fly together; keys past the last are the last, with
    // weight 0.
    const int last = last_key - first_key;
#pragma unroll 16
    for (int j = 0; j < 32; ++j) {
      float of_key[maps];
#pragma unroll
      for (int map = 0; map < maps; ++map) of_key[map] = __shfl_sync(0xffffffffu, weights[map], j);
      const auto* row_of_key = from + math::min(j, last) * call.v.stride[1];
#pragma unroll
      for (int i = 0; i < own; ++i) {
        const int at = i * 32 + lane;
        if (at < value_size) {
          const float value = static_cast<float>(row_of_key[at * call.v.stride[3]]);
#pragma unroll
          for (int map = 0; map < maps; ++map) sums[map][i] += of_key[map] * value;
        }
      }
    }
  };
  for (int first_key = warp * 32; first_key < keys; first_key += Warps * 32) {
    const int last_key = math::min(first_key + 32, keys) - 1;
    float weights[maps];
    bool any = false;
#pragma unroll
    for (int map = 0; map < maps; ++map) {
      weights[map] = 0;
      const coverage cover = cover_of(map, first_key, last_key);
      if (cover == coverage::none) continue;
      any = true;
      const float score = score_of(map, first_key, last_key, cover);
      const float factor = normalizer.raise(states[map], warp_maximum(score));
      weights[map] = normalizer.weight(states[map], score);
      normalizer.add(states[map], warp_sum(weights[map]));
      if constexpr (spec_type::passes == 1) {
#pragma unroll
        for (int i = 0; i < own; ++i) sums[map][i] *= factor;
      }
    }
    if constexpr (spec_type::passes == 1)
      if (any) add_values(weights, first_key, last_key);
  }

  const int busy = math::min(Warps, (keys + 31) / 32);  // the other warps had no keys
  if constexpr (spec_type::passes == 2) {
#pragma unroll
    for (int map = 0; map < maps; ++map)
      if (lane == 0) states_of[warp][map] = states[map];
    __syncthreads();
#pragma unroll
    for (int map = 0; map < maps; ++map) {
      states[map] = states_of[0][map];
      for (int other = 1; other < busy; ++other) normalizer.merge(states[map], states_of[other][map]);
    }
    for (int first_key = warp * 32; first_key < keys; first_key += Warps * 32) {
      const int last_key = math::min(first_key + 32, keys) - 1;
      float weights[maps];
      bool any = false;
#pragma unroll
      for (int map = 0; map < maps; ++map) {
        weights[map] = 0;
        const coverage cover = cover_of(map, first_key, last_key);
        if (cover == coverage::none) continue;
        any = true;
        weights[map] = call.spec.second(states[map], site_of(map, first_key + lane), counts[map],
                                        score_of(map, first_key, last_key, cover));
      }
      if (any) add_values(weights, first_key, last_key);
    }
  }
#pragma unroll
  for (int map = 0; map < maps; ++map) {
#pragma unroll
    for (int i = 0; i < own; ++i) sums_of[warp][map][i * 32 + lane] = sums[map][i];
    if constexpr (spec_type::passes == 1)
      if (lane == 0) states_of[warp][map] = states[map];
  }
  __syncthreads();
  if (warp != 0) return;
  const byteloom::row whole{batch, head, value_head, query, static_cast<int>(queries), keys};
  float result[own] = {};
#pragma unroll
  for (int map = 0; map < maps; ++map) {
    for (int other = 1; other < busy; ++other) {
      if constexpr (spec_type::passes == 1) {
        const auto factors = normalizer.merge(states[map], states_of[other][map]);
#pragma unroll
        for (int i = 0; i < own; ++i)
          sums[map][i] = sums[map][i] * factors.left + sums_of[other][map][i * 32 + lane] * factors.right;
      } else {
#pragma unroll
        for (int i = 0; i < own; ++i) sums[map][i] += sums_of[other][map][i * 32 + lane];
      }
    }
    float factor = 1;
    if constexpr (spec_type::passes == 1) factor = normalizer.finish(states[map], row_of(map));
    if constexpr (maps > 1) factor *= call.spec.template map_factor<float>(map, whole);
#pragma unroll
    for (int i = 0; i < own; ++i) result[i] += sums[map][i] * factor;
    if constexpr (spec_type::is_observed)
      if (lane == 0) call.spec.observe(row, row_of(map), states[map]);
  }
  using out_type = std::remove_reference_t<decltype(*call.out.data)>;
  if constexpr (spec_type::has_output_policy) {
    // In shared memory, each lane its own numbers, so that no loop need be unrolled for registers' sake.
    float* const numbers = sums_of[0][0];
#pragma unroll
    for (int i = 0; i < own; ++i) numbers[i * 32 + lane] = result[i];
    call.spec.template output<float>(
        row, whole,
        [&](const auto& f) {
#pragma unroll 1
          for (int at = lane; at < value_size; at += 32) f(numbers[at], at);
        },
        [](const auto& policy, auto& gathered) { merge_over_warp(policy, gathered); });
#pragma unroll 1
    for (int at = lane; at < value_size; at += 32)
      call.out(plane, query_row + row, head, at) = static_cast<out_type>(numbers[at]);
  } else {
#pragma unroll
    for (int i = 0; i < own; ++i) {
      const int at = i * 32 + lane;
      if (at < value_size) call.out(plane, query_row + row, head, at) = static_cast<out_type>(result[i]);
    }
  }
}

BYTELOOM_KERNELS_END

template <class K>
bool has_vector_rows(const device_view<K, 4>& k) {
  constexpr index run = 16 / sizeof(K);
  return reinterpret_cast<std::uintptr_t>(k.data) % 16 == 0 && k.extent[3] % run == 0 &&
         k.stride[0] % run == 0 && k.stride[1] % run == 0 && k.stride[2] % run == 0;
}

/// Launches for views whose shapes fit each other; `lengths` without data: all keys count. `offsets`: of
/// ragged sequences, which lie end to end in tensors of one sequence. Throws shape_error where a size is
/// beyond the kernel.
template <class Spec, class Q, class K, class V, class O, class Offsets = byteloom::detail::no_offsets>
void attend_simt(executor on, const Spec& spec, const device_view<Q, 4>& q, const device_view<K, 4>& k,
                 const device_view<V, 4>& v, const device_view<const int, 1>& lengths,
                 const device_view<O, 4>& out, const Offsets& offsets = {}) {
  const auto heads = spec.heads();
  if (heads.size > size_bound<Spec::heads_type::constant_size> ||
      heads.value_size > size_bound<Spec::heads_type::constant_value_size>)
    throw shape_error(
        "attend: heads of " + std::to_string(int{heads.size}) + " and " +
        std::to_string(int{heads.value_size}) + " dimensions are known at run time only, where at most " +
        std::to_string(largest_dynamic_size) + " fit the kernel; write the sizes into heads<...>.");
  if (k.stride[3] != 1)
    throw shape_error("attend: the dimensions of a key are " + std::to_string(k.stride[3]) +
                      " elements apart; they must be neighbours (stride 1).");
  const index sequences = offsets.sequences(q.extent[0]);
  const index queries = offsets.most_queries(q.extent[1]);
  if (q.size() == 0 || sequences == 0 || queries == 0) return;
  if (queries > 0x7fffffff || q.extent[2] > 65535 || sequences > 65535)
    throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
  const attend_call<Spec, Q, K, V, O, Offsets> call{spec, q, k, v, lengths, out, has_vector_rows(k), offsets};
  const dim3 grid(static_cast<unsigned>(queries), static_cast<unsigned>(out.extent[2]),
                  static_cast<unsigned>(sequences));
  // Few queries leave most of the GPU idle, so that many warps share the keys of one; many queries fill it.
  using call_type = std::remove_const_t<decltype(call)>;
  // Where ragged sequences begin takes registers too.
  constexpr int many = call_type::ragged ? std::min(many_warps<Spec>, 8) : many_warps<Spec>;
  if (sequences * queries * q.extent[2] <= 64) {
    launch(on, "attend_kernel", attend_kernel<many, call_type>, grid, many * 32, 0, call);
  } else {
    launch(on, "attend_kernel", attend_kernel<4, call_type>, grid, 4 * 32, 0, call);
  }
}

}  // namespace cuda::detail

}  // namespace byteloom::inline v0

#pragma nv_diagnostic pop
