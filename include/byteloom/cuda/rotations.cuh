// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/rotations: how the pairs of queries turn, row by row, computed once for all heads. Kernels on tensor
// cores turn queries by them as they arrive, so that no copy of the queries is made.

#include <algorithm>
#include <type_traits>
#include <utility>

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

/// Queries lie in memory as they are multiplied.
struct no_rotations {
  static constexpr bool turns = false;
};

/// What a position policy says of a pair, so that it is read at once.
template <class Rotation>
struct alignas(sizeof(Rotation) == 8 ? 8 : alignof(Rotation)) kept_rotation {
  Rotation turn;
};
template <class Position>
using rotation_of = kept_rotation<decltype(byteloom::position::turn_query<float>(
    std::declval<const Position&>(), std::declval<const byteloom::position::spot&>(), 0, 2))>;

/// Queries are turned by these when they have been read.
template <class Rotation>
struct rotations_of_rows {
  static constexpr bool turns = true;
  device_view<const Rotation, 3> of;  ///< [sequences, rows, pairs], as q has them; contiguous

  /// Those of a row, followed by the next row's.
  BYTELOOM_HD const Rotation* row(index sequence, index row) const { return &of(sequence, row, 0); }
};

BYTELOOM_KERNELS_BEGIN

/// A thread takes a pair of some rows: pairs along x, rows along y, sequences along z.
template <class Position, class Spots, class Rotation>
__global__ void rotation_kernel(Position position, Spots spots, int size, device_view<Rotation, 3> out) {
  const int pair = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (pair >= out.extent[2]) return;
  for (index sequence = blockIdx.z; sequence < out.extent[0]; sequence += gridDim.z)
    for (index row = blockIdx.y; row < out.extent[1]; row += gridDim.y)
      out(sequence, row, pair) = {
          byteloom::position::turn_query<float>(position, spots(sequence, row), pair, size)};
}

BYTELOOM_KERNELS_END

/// How rows of q [sequences, rows, heads, size] turn, which stand at `spots`.
template <class Spec, class Spots, class T>
buffer<rotation_of<typename Spec::position_type>> make_rotations(executor on, const Spec& spec,
                                                                 const Spots& spots,
                                                                 const device_view<T, 4>& q) {
  using rotation = rotation_of<typename Spec::position_type>;
  const index pairs = q.extent[3] / 2;
  buffer<rotation> result(on, static_cast<std::size_t>(q.extent[0] * q.extent[1] * pairs));
  if (q.size() == 0) return result;
  const device_view<rotation, 3> out(result.data(), q.extent[0], q.extent[1], pairs);
  constexpr index rows = 4;  // of a thread: what depends on the pair alone is computed once for them
  const auto bounded = [](index count) { return static_cast<unsigned>(std::min<index>(count, 65535)); };
  const unsigned threads = static_cast<unsigned>(std::min<index>(128, (pairs + 31) / 32 * 32));
  const dim3 blocks((static_cast<unsigned>(pairs) + threads - 1) / threads,
                    bounded((q.extent[1] + rows - 1) / rows), bounded(q.extent[0]));
  rotation_kernel<<<blocks, threads, 0, on.stream>>>(spec.position(), spots, static_cast<int>(q.extent[3]),
                                                     out);
  check_launch("rotation_kernel");
  return result;
}

}  // namespace byteloom::inline v0::cuda::detail

#pragma nv_diagnostic pop
