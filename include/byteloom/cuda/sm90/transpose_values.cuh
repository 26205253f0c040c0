// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/transpose_values: values of fp8_e4m3 as the products of Hopper read them: wgmma takes 8-bit
// elements with neighbours along the depth alone, so that dimensions become rows and keys columns, in the
// order of fragment/byte_operand, padded with zeros to whole blocks of 128. Ragged sequences begin at such
// blocks, each with zeros behind it, as a tile of keys that reaches over its end must find no number there.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "byteloom/attend/ragged.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/fp8.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/fragment/byte_operand.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/sm90/tensor_map.cuh"

namespace byteloom::inline v0::cuda::detail {

template <class T, class Offsets>
struct transpose_values_call {
  static constexpr bool ragged = !std::is_same_v<Offsets, byteloom::detail::no_offsets>;
  device_view<const T, 4> v;
  Offsets offsets;
  unsigned char* out;  ///< [batch, heads, value size, padded keys]; ragged: batch is 1
  int padded;
};

inline constexpr int transpose_keys = 128;                    ///< of a block
inline constexpr int transposed_behind = 2 * transpose_keys;  ///< zeros behind a ragged sequence, at least

/// Where the transposed keys of ragged sequence `batch` begin, whose first row is `first_key`: the sequences
/// before fit, with their zeros.
BYTELOOM_HD constexpr int transposed_begin(int first_key, int batch) {
  return first_key / transpose_keys * transpose_keys + batch * (transposed_behind + transpose_keys);
}

BYTELOOM_KERNELS_BEGIN

/// A block takes 128 keys of a head, 128 dimensions at a time; a thread moves words of 4 keys by 4
/// dimensions.
template <class T, class Offsets>
__global__ __launch_bounds__(256) void transpose_values_kernel(
    const __grid_constant__ transpose_values_call<T, Offsets> call) {
  // Rows of 128 keys, a row a dimension; pieces of 16 keys permuted by the row, so that columns fall on
  // different banks.
  __shared__ alignas(16) std::uint32_t turned[128 * 32];
  wait_for_input();
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % 32;
  const int warp = thread / 32;
  const int first_key = static_cast<int>(blockIdx.x) * transpose_keys;
  int keys = static_cast<int>(call.v.extent[1]);
  int first_row = 0;  // of the sequence
  int plane = static_cast<int>(blockIdx.z);
  int place = first_key;
  if constexpr (call.ragged) {
    const int batch = plane;
    first_row = call.offsets.keys(batch);
    keys = call.offsets.keys(batch + 1) - first_row;
    if (first_key >= (keys + transpose_keys - 1) / transpose_keys * transpose_keys + transposed_behind)
      return;
    plane = 0;
    place = transposed_begin(first_row, batch) + first_key;
  }
  const int value_size = static_cast<int>(call.v.extent[3]);
  const auto* from = reinterpret_cast<const unsigned char*>(call.v.data) + plane * call.v.stride[0] +
                     first_row * call.v.stride[1] + static_cast<index>(blockIdx.y) * call.v.stride[2];
  unsigned char* to =
      call.out + place + (static_cast<index>(plane) * gridDim.y + blockIdx.y) * value_size * call.padded;
  for (int first = 0; first < value_size; first += 128) {
    const bool present = first + 4 * lane < value_size;
    std::uint32_t loaded[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int byte = 0; byte < 4; ++byte) {
        const int key = first_key + fragment::column_at(4 * (warp + 8 * i) + byte);
        loaded[i][byte] =
            present && key < keys
                ? *reinterpret_cast<const std::uint32_t*>(from + key * call.v.stride[1] + first + 4 * lane)
                : 0u;
      }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const auto& x = loaded[i];
      const std::uint32_t low[2] = {__byte_perm(x[0], x[1], 0x5140), __byte_perm(x[2], x[3], 0x5140)};
      const std::uint32_t high[2] = {__byte_perm(x[0], x[1], 0x7362), __byte_perm(x[2], x[3], 0x7362)};
      const int word = warp + 8 * i;
      std::uint32_t* const place = turned + 4 * lane * 32 + ((word / 4) ^ (lane % 8)) * 4 + word % 4;
      place[0] = __byte_perm(low[0], low[1], 0x5410);
      place[32] = __byte_perm(low[0], low[1], 0x7632);
      place[64] = __byte_perm(high[0], high[1], 0x5410);
      place[96] = __byte_perm(high[0], high[1], 0x7632);
    }
    __syncthreads();
    const int pieces = math::min(128, value_size - first) * 8;
    for (int piece = thread; piece < pieces; piece += 256) {
      const int row = piece / 8;
      const int column = piece % 8;
      *reinterpret_cast<uint4*>(to + (first + row) * static_cast<index>(call.padded) + 16 * column) =
          *reinterpret_cast<const uint4*>(turned + row * 32 + (column ^ (row / 4 % 8)) * 4);
    }
    __syncthreads();
  }
}

BYTELOOM_KERNELS_END

/// The values [batch, keys, heads, value size], in memory of their own until the result is gone, and a view
/// of them as a tensor map takes it: [batch, value size, heads, padded keys]. Throws shape_error where rows
/// do not begin at 16 bytes.
template <class Offsets>
struct transposed_values {
  using call_type = transpose_values_call<fp8_e4m3, Offsets>;
  buffer<fp8_e4m3> data;
  device_view<const fp8_e4m3, 4> view;

  transposed_values(executor on, const device_view<const fp8_e4m3, 4>& v, const Offsets& offsets)
      : data(on,
             static_cast<std::size_t>(v.extent[0] * v.extent[2] * v.extent[3] * room(v.extent[1], offsets))) {
    require_sixteens("v", v);
    const index keys = room(v.extent[1], offsets);
    const index longest =
        padded(offsets.most_keys(v.extent[1])) + (call_type::ragged ? transposed_behind : 0);
    view = {data.data(), v.extent[0], v.extent[3], v.extent[2], keys};
    view.stride[0] = v.extent[2] * v.extent[3] * keys;
    view.stride[1] = keys;
    view.stride[2] = v.extent[3] * keys;
    const call_type call{v, offsets, reinterpret_cast<unsigned char*>(data.data()), static_cast<int>(keys)};
    launch(on, "transpose_values_kernel", transpose_values_kernel<fp8_e4m3, Offsets>,
           dim3(static_cast<unsigned>(longest / transpose_keys), static_cast<unsigned>(v.extent[2]),
                static_cast<unsigned>(offsets.sequences(v.extent[0]))),
           256, 0, call);
  }

  /// Keys of a row, with what is behind sequences.
  static index room(index keys, const Offsets& offsets) {
    if constexpr (call_type::ragged)
      return transposed_begin(static_cast<int>(keys), static_cast<int>(offsets.sequences()));
    else
      return padded(keys);
  }

  static index padded(index keys) { return (keys + transpose_keys - 1) / transpose_keys * transpose_keys; }
};

}  // namespace byteloom::inline v0::cuda::detail
