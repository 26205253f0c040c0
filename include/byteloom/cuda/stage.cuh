// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/stage: runs a stage on the device in one kernel. A block holds a few rows of the source in shared
// memory, normed, and its warps take pairs of output columns in turn: each warp reads the two rows of weights
// once for all rows held.

#include <algorithm>
#include <type_traits>

#include "byteloom/compose/stage.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/warp.cuh"

namespace byteloom::inline v0 {
namespace cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// Turns the row in `x` (shared memory) into its normed form: the 32 lanes of a warp gather its state, and
/// `threads` threads, of which this is number `thread`, change its numbers.
template <class Stage>
__device__ void norm_row(const Stage& stage, float* x, int lane, int thread, int threads) {
  using state_type = typename Stage::norm_type::template state<float>;
  const index columns = stage.weights.columns;
  state_type state{};
  for (index c = lane; c < columns; c += 32) stage.norm.norm.add(state, x[c]);
  if constexpr (!std::is_empty_v<state_type>) {
    for (int distance = 16; distance > 0; distance /= 2) {
      const auto other = shuffle_xor(state, distance);
      // The lower lane of a couple goes first on both sides, so that all lanes end with the same bits.
      if ((lane & distance) == 0) {
        stage.norm.norm.merge(state, other);
      } else {
        auto sum = other;
        stage.norm.norm.merge(sum, state);
        state = sum;
      }
    }
  }
  const auto affine = stage.norm.norm.finish(state);
  if (threads > 32) __syncthreads();  // every warp has read the row before any changes it
  for (index c = thread; c < columns; c += threads) x[c] = stage.norm.apply(affine, x[c], c);
}

/// Loads the block's rows into `x` (`pitch` floats apart), normed; rows past the last are zero.
template <int Rows, int Warps, class Stage>
__device__ void load_rows(const Stage& stage, index first_row, float* x, index pitch) {
  const int thread = static_cast<int>(threadIdx.x);
  const index columns = stage.weights.columns;
  for (int row = 0; row < Rows; ++row) {
    const bool present = first_row + row < stage.rows;
#pragma unroll 4
    for (index c = thread; c < columns; c += Warps * 32)
      x[row * pitch + c] = present ? stage.source.load(first_row + row, c) : 0.0f;
  }
  __syncthreads();
  if constexpr (!std::is_same_v<typename Stage::norm_type, norm::none>) {
    if constexpr (Rows == 1) {
      norm_row(stage, x, thread % 32, thread, Warps * 32);
    } else {
      for (int row = thread / 32; row < Rows; row += Warps)
        if (first_row + row < stage.rows) norm_row(stage, x + row * pitch, thread % 32, thread % 32, 32);
    }
    __syncthreads();
  }
}

/// Adds the products of Run columns of two rows of weights with the rows in `x` (`pitch` floats apart).
template <int Run, int Rows, class Weights>
__device__ void multiply_run(const Weights& weights, column_pair at, index column, const float* x,
                             index pitch, float (&first)[Rows], float (&second)[Rows]) {
  float a[Run];
  float b[Run] = {};
  weights.decode(at.first, column, a);
  if (at.second >= 0) weights.decode(at.second, column, b);
#pragma unroll
  for (int row = 0; row < Rows; ++row) {
    float values[Run];
    if constexpr (Run == 8) {
      *reinterpret_cast<float4*>(values) = *reinterpret_cast<const float4*>(x + row * pitch + column);
      *reinterpret_cast<float4*>(values + 4) = *reinterpret_cast<const float4*>(x + row * pitch + column + 4);
    } else {
      for (int i = 0; i < Run; ++i) values[i] = x[row * pitch + column + i];
    }
#pragma unroll
    for (int i = 0; i < Run; ++i) {
      first[row] += a[i] * values[i];
      second[row] += b[i] * values[i];
    }
  }
}

/// Brings two rows of weights nearer: codes from the first to the last column, 128 bytes a lane.
template <class Weights>
__device__ void prefetch(const Weights& weights, column_pair at, int lane) {
  using format = typename Weights::format;
  const auto row = [&](index which) {
    const index last = format::locate(which, weights.columns - 1, weights.columns).byte;
    for (index byte = format::locate(which, 0, weights.columns).byte + lane * 128; byte <= last;
         byte += 32 * 128)
      asm volatile("prefetch.global.L1 [%0];" ::"l"(weights.codes + byte));
  };
  row(at.first);
  if (at.second >= 0) row(at.second);
}

template <int Rows, int Warps, class Stage>
__global__ __launch_bounds__(Warps * 32, 1) void stage_kernel(const __grid_constant__ Stage stage) {
  extern __shared__ float4 shared[];
  float* x = reinterpret_cast<float*>(shared);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const index columns = stage.weights.columns;
  const index pitch = (columns + 3) / 4 * 4;
  const index first_row = static_cast<index>(blockIdx.y) * Rows;

  const index pairs = stage.pairs();
  const index first_pair = static_cast<index>(blockIdx.x) * Warps + warp;
  if (first_pair < pairs)
    prefetch(stage.weights, stage.epilogue.columns(first_pair, stage.weights.rows), lane);
  wait_for_input();
  load_rows<Rows, Warps>(stage, first_row, x, pitch);

  for (index pair = first_pair; pair < pairs; pair += static_cast<index>(gridDim.x) * Warps) {
    const column_pair at = stage.epilogue.columns(pair, stage.weights.rows);
    float first[Rows] = {};
    float second[Rows] = {};
    if (columns % 8 == 0) {
#pragma unroll 4
      for (index c = lane * 8; c < columns; c += 256)
        multiply_run<8>(stage.weights, at, c, x, pitch, first, second);
    } else if constexpr (decltype(stage.weights)::format::columns_multiple == 1) {
      for (index c = lane; c < columns; c += 32)
        multiply_run<1>(stage.weights, at, c, x, pitch, first, second);
    }
    float own_first = 0;
    float own_second = 0;
#pragma unroll
    for (int row = 0; row < Rows; ++row) {
      const float sum_first = warp_sum(first[row]);
      const float sum_second = warp_sum(second[row]);
      if (lane == row) {
        own_first = sum_first;
        own_second = sum_second;
      }
    }
    if (lane < Rows && first_row + lane < stage.rows)
      stage.finish(first_row + lane, pair, at, own_first, own_second);
  }
}

BYTELOOM_KERNELS_END

/// Launches with `Rows` rows a block where they fit into shared memory; false where they do not.
template <int Rows, int Warps, class Stage>
bool launch_stage(cuda::executor on, const Stage& stage) {
  const std::size_t bytes =
      static_cast<std::size_t>((stage.weights.columns + 3) / 4 * 4) * Rows * sizeof(float);
  const auto kernel = stage_kernel<Rows, Warps, Stage>;
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes)) return false;
  constexpr index enough_blocks =
      2048;  // some waves of any GPU's multiprocessors; more would only norm rows again
  const index across = (stage.rows + Rows - 1) / Rows;
  const index along = std::clamp<index>(enough_blocks / across, 1, (stage.pairs() + Warps - 1) / Warps);
  if (across > 65535)
    throw shape_error("run: " + std::to_string(stage.rows) + " rows are more than one launch takes (" +
                      std::to_string(65535 * Rows) + "); pass them in parts.");
  launch(on, "stage_kernel", kernel, dim3(static_cast<unsigned>(along), static_cast<unsigned>(across)),
         Warps * 32, bytes, stage);
  return true;
}

}  // namespace cuda::detail

/// Runs one stage (compose/stage.hpp). Throws device_error where the launch fails, shape_error where a row is
/// longer than shared memory holds.
template <class Source, class Norm, class Format, class Epilogue>
void run(cuda::executor on, const stage<Source, Norm, Format, memory::device, Epilogue>& stage) {
  if (stage.rows == 0 || stage.pairs() == 0) return;
  namespace detail = cuda::detail;
  if (stage.rows > 1 && detail::launch_stage<8, 8>(on, stage)) return;
  if (detail::launch_stage<1, 4>(on, stage)) return;
  throw shape_error("run: a row of " + std::to_string(stage.weights.columns) +
                    " numbers does not fit into the shared memory of this GPU; split the matrix.");
}

}  // namespace byteloom::inline v0
