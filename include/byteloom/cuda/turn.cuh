// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/turn: copies of queries or keys prepared and turned to their positions, once before an attention.

#include <algorithm>

#include "byteloom/core/executor.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/warp.cuh"
#include "byteloom/position/turn.hpp"

// A hook that forgot BYTELOOM_HD is an error here too: kernels call them through the composition.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// Heads that a thread turns by one rotation, which costs more than they do.
inline constexpr int turn_heads = 8;

/// out = x with every row turned to the spot that `spots(batch, row)` says; out lies without gaps. A thread
/// takes a pair of some neighbouring heads; blocks of a row along x, rows along y, sequences along z.
template <class Position, class Spots, class T, class Out>
__global__ void turn_kernel(Position position, Spots spots, device_view<T, 4> x, bool are_queries,
                            device_view<Out, 4> out) {
  const int size = static_cast<int>(x.extent[3]);
  const int heads = static_cast<int>(x.extent[2]);
  const int parts = (heads + turn_heads - 1) / turn_heads;
  const int own = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (own >= parts * (size / 2)) return;
  const int pair = own % (size / 2);
  const int first_head = own / (size / 2) * turn_heads;
  const int here = math::min(turn_heads, heads - first_head);
  const int a = position.first_of(pair, size);
  const int b = position.second_of(pair, size);
  for (index batch = blockIdx.z; batch < x.extent[0]; batch += gridDim.z)
    for (index row = blockIdx.y; row < x.extent[1]; row += gridDim.y) {
      const byteloom::position::spot where = spots(batch, row);
      const auto turn = are_queries ? byteloom::position::turn_query<float>(position, where, pair, size)
                                    : byteloom::position::turn_key<float>(position, where, pair, size);
      const T* from = &x(batch, row, first_head, 0);
      Out* to = &out(batch, row, first_head, 0);
#pragma unroll
      for (int j = 0; j < turn_heads; ++j) {
        if (j >= here) break;
        const float first = static_cast<float>(from[a * x.stride[3]]);
        const float second = static_cast<float>(from[b * x.stride[3]]);
        to[a] = static_cast<Out>(turn.first(first, second));
        to[b] = static_cast<Out>(turn.second(first, second));
        from += x.stride[2];
        to += size;
      }
    }
}

/// The same with rows that are prepared first, and turned where the position policy turns. A warp a row.
template <class Prepare, class Position, class Spots, class T, class Out>
__global__ void prepare_kernel(Prepare prepare, Position position, Spots spots, device_view<T, 4> x,
                               bool are_queries, device_view<Out, 4> out) {
  const int size = static_cast<int>(x.extent[3]);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const index rows = x.extent[0] * x.extent[1] * x.extent[2];
  const index warps = static_cast<index>(gridDim.x) * blockDim.x / 32;
  for (index i = (blockIdx.x * static_cast<index>(blockDim.x) + threadIdx.x) / 32; i < rows; i += warps) {
    const int head = static_cast<int>(i % x.extent[2]);
    const index row = i / x.extent[2] % x.extent[1];
    const index batch = i / x.extent[2] / x.extent[1];
    typename Prepare::template state<float> gathered{};
    for (int at = lane; at < size; at += 32)
      prepare.add(gathered, static_cast<float>(x(batch, row, head, at)));
    merge_over_warp(prepare, gathered);
    const auto prepared = [&](int at) {
      const float number = static_cast<float>(x(batch, row, head, at));
      return are_queries ? prepare.query(gathered, number, head, at)
                         : prepare.key(gathered, number, head, at);
    };
    if constexpr (Position::turns) {
      const byteloom::position::spot where = spots(batch, row);
      for (int pair = lane; pair < size / 2; pair += 32) {
        const auto turn = are_queries ? byteloom::position::turn_query<float>(position, where, pair, size)
                                      : byteloom::position::turn_key<float>(position, where, pair, size);
        const int a = position.first_of(pair, size);
        const int b = position.second_of(pair, size);
        const float first = prepared(a);
        const float second = prepared(b);
        out(batch, row, head, a) = static_cast<Out>(turn.first(first, second));
        out(batch, row, head, b) = static_cast<Out>(turn.second(first, second));
      }
    } else {
      for (int at = lane; at < size; at += 32) out(batch, row, head, at) = static_cast<Out>(prepared(at));
    }
  }
}

BYTELOOM_KERNELS_END

/// Rows of sequences of one length: row 0 stands at `first`, of `length` keys.
struct spots_in_a_row {
  index first;
  index length;
  __device__ byteloom::position::spot operator()(index batch, index row) const {
    return {static_cast<int>(batch), first + row, length};
  }
};

/// Rows of ragged sequences; queries stand where `spec` says.
template <class Spec>
struct spots_by_offsets {
  Spec spec;
  device_view<const int, 1> queries;
  device_view<const int, 1> keys;
  bool are_queries;
  __device__ byteloom::position::spot operator()(index, index row) const {
    const auto& own = are_queries ? queries : keys;
    int low = 0;  // the last sequence that begins at the row or before it
    int high = static_cast<int>(own.extent[0]) - 1;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (own(middle) <= row ? low : high) = middle;
    }
    const int length = keys(low + 1) - keys(low);
    const index of_sequence = row - own(low);
    if (!are_queries) return {low, of_sequence, length};
    return {low, spec.first_query(queries(low + 1) - queries(low), length) + of_sequence, length};
  }
};

/// x [batch, rows, heads, size] prepared and turned to the spots of its rows, as `spec` says, and rounded to
/// Out; contiguous.
template <class Out, class Spec, class Spots, class T>
buffer<Out> turned(executor on, const Spec& spec, const Spots& spots, const device_view<T, 4>& x,
                   bool are_queries) {
  buffer<Out> result(on, static_cast<std::size_t>(x.size()));
  if (x.size() == 0) return result;
  const device_view<Out, 4> out(result.data(), x.extent[0], x.extent[1], x.extent[2], x.extent[3]);
  const auto blocks_of = [](index threads) {
    return static_cast<unsigned>(std::clamp<index>((threads + 255) / 256, 1, 65535));
  };
  if constexpr (Spec::prepares) {
    const unsigned blocks = blocks_of(x.extent[0] * x.extent[1] * x.extent[2] * 32);
    prepare_kernel<<<blocks, 256, 0, on.stream>>>(spec.prepare(), spec.position(), spots, x, are_queries,
                                                  out);
    check_launch("prepare_kernel");
  } else {
    const int of_row = static_cast<int>((x.extent[2] + turn_heads - 1) / turn_heads * (x.extent[3] / 2));
    const int threads = std::min(256, (of_row + 31) / 32 * 32);
    const auto bounded = [](index count) { return static_cast<unsigned>(std::min<index>(count, 65535)); };
    constexpr index rows = 4;  // of a block: what depends on the pair alone is computed once for them
    const dim3 blocks(static_cast<unsigned>((of_row + threads - 1) / threads),
                      bounded((x.extent[1] + rows - 1) / rows), bounded(x.extent[0]));
    turn_kernel<<<blocks, threads, 0, on.stream>>>(spec.position(), spots, x, are_queries, out);
    check_launch("turn_kernel");
  }
  return result;
}

}  // namespace byteloom::inline v0::cuda::detail

#pragma nv_diagnostic pop
