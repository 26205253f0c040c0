// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/attend_store: the end of a block of Ampere's attention: maps that share a value are joined by way
// of shared memory, and rows of the output leave for memory.

#include <cstdint>
#include <type_traits>

#include "byteloom/core/bits.hpp"
#include "byteloom/cuda/fragment/row_swizzle.hpp"
#include "byteloom/cuda/fragment/score_rows.cuh"
#include "byteloom/cuda/sm80/attend_work.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

template <attend_sm80_tile Tile, class Call>
struct attend_sm80_store {
  using work = attend_sm80_work<Tile, Call>;
  using element = typename Call::element;
  using out_element = typename Call::out_element;
  static constexpr int value_size = Call::spec_type::heads_type::constant_value_size;
  static constexpr int row_groups = Tile.row_groups;
  static constexpr int value_groups = (value_size + 7) / 8;
  using outputs_type = float[row_groups][value_groups][4];

  const Call& call;
  unsigned char* shared;  ///< what stood there has been read by all warps

  /// Adds the outputs of all maps to those of the first; all threads of the block meet. The last map goes
  /// first, so that one map's outputs lie in shared memory at a time.
  __device__ void join_maps(outputs_type& outputs) const {
    const int map = work::map_of(threadIdx.x);
    float4* own = reinterpret_cast<float4*>(shared) + threadIdx.x % (32 * Tile.warps);
#pragma unroll 1
    for (int from = Tile.maps - 1; from > 0; --from) {
      __syncthreads();
      if (map == from) {
#pragma unroll
        for (int m = 0; m < row_groups; ++m)
#pragma unroll
          for (int j = 0; j < value_groups; ++j) {
            const float(&value)[4] = outputs[m][j];
            own[(m * value_groups + j) * 32 * Tile.warps] =
                make_float4(value[0], value[1], value[2], value[3]);
          }
      }
      __syncthreads();
      if (map == from - 1) {
#pragma unroll
        for (int m = 0; m < row_groups; ++m)
#pragma unroll
          for (int j = 0; j < value_groups; ++j) {
            const float4 other = own[(m * value_groups + j) * 32 * Tile.warps];
            float(&value)[4] = outputs[m][j];
            value[0] += other.x;
            value[1] += other.y;
            value[2] += other.z;
            value[3] += other.w;
          }
      }
    }
  }

  /// Where the outputs of the tile begin, and how many of its rows exist; made anew, as nothing of it is
  /// needed before.
  struct output_tile {
    out_element* data;
    int rows;

    __device__ explicit output_tile(const Call& call) {
      const unsigned block = own_block();
      const int row = work::first_row(call, block);
      data = call.out.data + work::plane() * call.out.stride[0] + row * call.out.stride[1] +
             work::output_head(call, block) * call.out.stride[2];
      if constexpr (Call::ragged) data += work::query_row(call) * call.out.stride[1];
      rows = work::queries(call) - row;
    }
  };

  /// Writes the warp's outputs by way of its own part of shared memory, 16 bytes at a time.
  __device__ void stage_outputs(const outputs_type& outputs) const {
    const unsigned thread = own_thread();
    const unsigned lane = thread % 32;
    const int warp_row = work::warp_row(thread);
    const int row = static_cast<int>(lane / 4);
    const int column = static_cast<int>(lane % 4 * 2);
    unsigned char* own = shared + fragment::rows_bytes(warp_row, value_size);
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < value_groups; ++j)
          *reinterpret_cast<std::uint32_t*>(
              own + fragment::element_byte(value_size, 16 * m + 8 * half + row, 8 * j + column)) =
              fragment::pack<element>(outputs[m][j][2 * half], outputs[m][j][2 * half + 1]);
    __syncwarp();
    const output_tile to(call);
    constexpr fragment::piece_share share{32, value_size};
    share.each(Tile.warp_queries(), lane, [&](int below, int right) {
      const int from_row = share.first_row(lane) + below;
      const int piece = share.first_piece(lane) + right;
      if (warp_row + from_row < to.rows && piece < value_size / 8)
        *reinterpret_cast<uint4*>(to.data + (warp_row + from_row) * call.out.stride[1] + 8 * piece) =
            *reinterpret_cast<const uint4*>(own + fragment::piece_byte(value_size, from_row, piece));
    });
  }

  /// Writes outputs straight to memory.
  __device__ void store_outputs(const outputs_type& outputs) const {
    const unsigned thread = own_thread();
    const int row = work::warp_row(thread) + static_cast<int>(thread % 32 / 4);
    const int column = static_cast<int>(thread % 4 * 2);
    const output_tile to(call);
#pragma unroll
    for (int m = 0; m < row_groups; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int own = row + 16 * m + 8 * half;
        if (own >= to.rows) continue;
        out_element* place = to.data + own * call.out.stride[1] + column * call.out.stride[3];
#pragma unroll
        for (int j = 0; j < value_groups; ++j) {
          const float first_value = outputs[m][j][2 * half];
          const float second_value = outputs[m][j][2 * half + 1];
          if constexpr (std::is_same_v<out_element, element>) {
            const std::uint32_t both = fragment::pack<element>(first_value, second_value);
            place[0] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both));
            place[call.out.stride[3]] = byteloom::bit_cast<element>(static_cast<std::uint16_t>(both >> 16));
          } else {
            place[0] = static_cast<out_element>(first_value);
            place[call.out.stride[3]] = static_cast<out_element>(second_value);
          }
          place += 8 * call.out.stride[3];
        }
      }
  }
};

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::detail
