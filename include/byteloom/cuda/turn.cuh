// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/turn: copies of queries or keys turned to their positions, once before an attention.

#include <algorithm>

#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/position/turn.hpp"

// A hook that forgot BYTELOOM_HD is an error here too: kernels call them through the composition.
#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// out = x with every row turned to the spot that `spots(batch, row)` says. One thread a pair.
template <class Position, class Spots, class T, class Out>
__global__ void turn_kernel(Position position, Spots spots, device_view<T, 4> x, bool are_queries,
                            device_view<Out, 4> out) {
  const int size = static_cast<int>(x.extent[3]);
  const index pairs = x.size() / 2;
  for (index i = blockIdx.x * static_cast<index>(blockDim.x) + threadIdx.x; i < pairs;
       i += static_cast<index>(gridDim.x) * blockDim.x) {
    const int pair = static_cast<int>(i % (size / 2));
    const index head = i / (size / 2) % x.extent[2];
    const index row = i / (size / 2) / x.extent[2] % x.extent[1];
    const index batch = i / (size / 2) / x.extent[2] / x.extent[1];
    const byteloom::position::spot where = spots(batch, row);
    const auto turn = are_queries ? byteloom::position::turn_query<float>(position, where, pair, size)
                                  : byteloom::position::turn_key<float>(position, where, pair, size);
    const int a = position.first_of(pair, size);
    const int b = position.second_of(pair, size);
    const float first = static_cast<float>(x(batch, row, head, a));
    const float second = static_cast<float>(x(batch, row, head, b));
    out(batch, row, head, a) = static_cast<Out>(turn.first(first, second));
    out(batch, row, head, b) = static_cast<Out>(turn.second(first, second));
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

/// Rows of ragged sequences; queries are the last positions of their keys.
struct spots_by_offsets {
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
    return {low, are_queries ? of_sequence + length - (queries(low + 1) - queries(low)) : of_sequence,
            length};
  }
};

/// x [batch, rows, heads, size] turned to the spots of its rows and rounded to Out; contiguous.
template <class Out, class Position, class Spots, class T>
buffer<Out> turned(executor on, const Position& position, const Spots& spots, const device_view<T, 4>& x,
                   bool are_queries) {
  buffer<Out> result(on, static_cast<std::size_t>(x.size()));
  if (x.size() == 0) return result;
  const device_view<Out, 4> out(result.data(), x.extent[0], x.extent[1], x.extent[2], x.extent[3]);
  const index blocks = std::clamp<index>((x.size() / 2 + 255) / 256, 1, 65535);
  turn_kernel<<<static_cast<unsigned>(blocks), 256, 0, on.stream>>>(position, spots, x, are_queries, out);
  check_launch("turn_kernel");
  return result;
}

}  // namespace byteloom::inline v0::cuda::detail

#pragma nv_diagnostic pop
