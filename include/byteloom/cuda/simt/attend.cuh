// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/simt/attend: attention in float without tensor cores, for any composition, element types and sizes;
// decoding uses it too. A block owns one query of one head; its warps take tiles of 32 keys in turn, a lane a
// key, and join their (state, sum) pairs at the end by the normalizer's merge.

#include <algorithm>
#include <string>

#include "byteloom/attend/attention.hpp"
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

template <class Spec, class Q, class K, class V, class O>
struct attend_call {
  Spec spec;
  device_view<Q, 4> q;
  device_view<K, 4> k;
  device_view<V, 4> v;
  device_view<const int, 1> lengths;  ///< no data: all keys of k count
  device_view<O, 4> out;
  bool vector;  ///< rows of keys start at 16 bytes
};

/// Warps of a block that owns few queries: fewer where a lane holds more of the output, for its registers'
/// sake.
template <class Spec>
inline constexpr int many_warps = size_bound<Spec::heads_type::constant_value_size> <= 64     ? 16
                                  : size_bound<Spec::heads_type::constant_value_size> <= 1024 ? 8
                                                                                              : 1;

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
  __shared__ alignas(
      16) float query_of[(size_limit + 3) / 4 * 4];  // whole words: the compiler reads 4 at a time
  __shared__ float sums_of[Warps][own * 32];
  __shared__ state_type states_of[Warps];

  wait_for_input();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const index queries = call.q.extent[1];
  const index row = blockIdx.x;
  const int head = static_cast<int>(blockIdx.y);
  const int batch = static_cast<int>(blockIdx.z);
  const int group = static_cast<int>(call.q.extent[2] / call.k.extent[2]);
  const int key_head = head / group;
  const int size = static_cast<int>(call.q.extent[3]);
  const int value_size = static_cast<int>(call.v.extent[3]);
  int keys = static_cast<int>(call.k.extent[1]);
  if (call.lengths.data != nullptr) keys = math::min(keys, call.lengths.data[batch * call.lengths.stride[0]]);
  const int query = keys - static_cast<int>(queries) + static_cast<int>(row);
  const auto normalizer = call.spec.normalizer();

  for (int i = static_cast<int>(threadIdx.x); i < size; i += Warps * 32)
    query_of[i] = static_cast<float>(call.q(batch, row, head, i));
  __syncthreads();

  const byteloom::row own_row{batch, head, key_head, query, static_cast<int>(queries), keys};
  float row_scale = 1;
  if constexpr (spec_type::has_row_scale) {
    int count = call.spec.count(own_row);
    if (count < 0) {
      count = 0;
      for (int first_key = 0; first_key < keys; first_key += Warps * 32) {
        const int key = first_key + static_cast<int>(threadIdx.x);
        const site at{batch, head, key_head, query, math::min(key, keys - 1), static_cast<int>(queries),
                      keys};
        count += __syncthreads_count(key < keys && call.spec.keep(at));
      }
    }
    row_scale = call.spec.template row_scale<float>(own_row, count);
  }

  state_type state{};
  float sums[own] = {};
  // A lane's score of the tile of 32 keys; minus infinity where the masks drop it or there is no key.
  const auto score_of = [&](int first_key, int last_key, coverage cover) {
    const int key = first_key + lane;
    float score = -math::infinity<float>;
    if (key <= last_key) {
      const site at{batch, head, key_head, query, key, static_cast<int>(queries), keys};
      if (cover == coverage::full || call.spec.keep(at)) {
        const auto* from =
            call.k.data + batch * call.k.stride[0] + key * call.k.stride[1] + key_head * call.k.stride[2];
        score = call.spec.score(dot_key<size_limit>(query_of, from, size, call.vector), at);
      }
    }
    if constexpr (spec_type::has_row_scale)  // a key that a score policy hides stays hidden
      if (score != -math::infinity<float>) score *= row_scale;
    return score;
  };
  const auto add_values = [&](float weight, int first_key, int last_key) {
    const auto* from =
        call.v.data + batch * call.v.stride[0] + first_key * call.v.stride[1] + key_head * call.v.stride[2];
    // All 32 turns without a branch, so that their loads fly together; keys past the last are the last, with
    // weight 0.
    const int last = last_key - first_key;
#pragma unroll 16
    for (int j = 0; j < 32; ++j) {
      const float of_key = __shfl_sync(0xffffffffu, weight, j);
      const auto* row_of_key = from + math::min(j, last) * call.v.stride[1];
#pragma unroll
      for (int i = 0; i < own; ++i) {
        const int at = i * 32 + lane;
        if (at < value_size) sums[i] += of_key * static_cast<float>(row_of_key[at * call.v.stride[3]]);
      }
    }
  };
  for (int first_key = warp * 32; first_key < keys; first_key += Warps * 32) {
    const int last_key = math::min(first_key + 32, keys) - 1;
    const coverage cover = call.spec.cover(
        tile{batch, head, query, query, first_key, last_key, static_cast<int>(queries), keys});
    if (cover == coverage::none) continue;
    const float score = score_of(first_key, last_key, cover);
    const float factor = normalizer.raise(state, warp_maximum(score));
    const float weight = normalizer.weight(state, score);
    normalizer.add(state, warp_sum(weight));
    if constexpr (spec_type::passes == 1) {
#pragma unroll
      for (int i = 0; i < own; ++i) sums[i] *= factor;
      add_values(weight, first_key, last_key);
    }
  }

  const int busy = math::min(Warps, (keys + 31) / 32);  // the other warps had no keys
  if constexpr (spec_type::passes == 2) {
    if (lane == 0) states_of[warp] = state;
    __syncthreads();
    state = states_of[0];
    for (int other = 1; other < busy; ++other) normalizer.merge(state, states_of[other]);
    for (int first_key = warp * 32; first_key < keys; first_key += Warps * 32) {
      const int last_key = math::min(first_key + 32, keys) - 1;
      const coverage cover = call.spec.cover(
          tile{batch, head, query, query, first_key, last_key, static_cast<int>(queries), keys});
      if (cover == coverage::none) continue;
      const float weight = normalizer.second(state, own_row, score_of(first_key, last_key, cover));
      add_values(weight, first_key, last_key);
    }
  }
#pragma unroll
  for (int i = 0; i < own; ++i) sums_of[warp][i * 32 + lane] = sums[i];
  if constexpr (spec_type::passes == 1)
    if (lane == 0) states_of[warp] = state;
  __syncthreads();
  if (warp != 0) return;
  float factor = 1;
  for (int other = 1; other < busy; ++other) {
    if constexpr (spec_type::passes == 1) {
      const auto factors = normalizer.merge(state, states_of[other]);
#pragma unroll
      for (int i = 0; i < own; ++i)
        sums[i] = sums[i] * factors.left + sums_of[other][i * 32 + lane] * factors.right;
    } else {
#pragma unroll
      for (int i = 0; i < own; ++i) sums[i] += sums_of[other][i * 32 + lane];
    }
  }
  if constexpr (spec_type::passes == 1) factor = normalizer.finish(state, own_row);
#pragma unroll
  for (int i = 0; i < own; ++i) {
    const int at = i * 32 + lane;
    if (at < value_size) {
      using out_type = std::remove_reference_t<decltype(*call.out.data)>;
      call.out(batch, row, head, at) = static_cast<out_type>(sums[i] * factor);
    }
  }
  if constexpr (spec_type::is_observed)
    if (lane == 0) call.spec.observe(row, own_row, state);
}

BYTELOOM_KERNELS_END

template <class K>
bool has_vector_rows(const device_view<K, 4>& k) {
  constexpr index run = 16 / sizeof(K);
  return reinterpret_cast<std::uintptr_t>(k.data) % 16 == 0 && k.extent[3] % run == 0 &&
         k.stride[0] % run == 0 && k.stride[1] % run == 0 && k.stride[2] % run == 0;
}

/// Launches for views whose shapes fit each other; `lengths` without data: all keys count. Throws shape_error
/// where a size is beyond the kernel.
template <class Spec, class Q, class K, class V, class O>
void attend_simt(executor on, const Spec& spec, const device_view<Q, 4>& q, const device_view<K, 4>& k,
                 const device_view<V, 4>& v, const device_view<const int, 1>& lengths,
                 const device_view<O, 4>& out) {
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
  if (q.size() == 0) return;
  if (q.extent[1] > 0x7fffffff || q.extent[2] > 65535 || q.extent[0] > 65535)
    throw shape_error("attend: more than 65535 heads or sequences in one call; pass them in parts.");
  const attend_call<Spec, Q, K, V, O> call{spec, q, k, v, lengths, out, has_vector_rows(k)};
  const dim3 grid(static_cast<unsigned>(q.extent[1]), static_cast<unsigned>(q.extent[2]),
                  static_cast<unsigned>(q.extent[0]));
  // Few queries leave most of the GPU idle, so that many warps share the keys of one; many queries fill it.
  using call_type = std::remove_const_t<decltype(call)>;
  constexpr int many = many_warps<Spec>;
  if (q.extent[0] * q.extent[1] * q.extent[2] <= 64) {
    launch(on, "attend_kernel", attend_kernel<many, call_type>, grid, many * 32, 0, call);
  } else {
    launch(on, "attend_kernel", attend_kernel<4, call_type>, grid, 4 * 32, 0, call);
  }
}

}  // namespace cuda::detail

}  // namespace byteloom::inline v0

#pragma nv_diagnostic pop
