// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/tensor_map: tells the bulk copy engine where a tensor [batch, positions, heads, size] lies.

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/fragment/swizzle.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class T>
inline constexpr CUtensorMapDataType tensor_map_type = sizeof(T) == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8
                                                       : std::is_same_v<T, bf16>
                                                           ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                           : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;

/// The driver's encoder, asked for at run time so that programs link no driver library.
inline auto tensor_map_encoder() {
  static const auto found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault,
                                           &result),
          "asking the driver for tensor maps");
    if (result != cudaDriverEntryPointSuccess)
      throw device_error(
          "the driver knows no tensor maps, which kernels for Hopper need; install a newer driver.");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
  }();
  return found;
}

/// Throws shape_error where a kernel for Hopper cannot read a tensor in pieces of 16 bytes; `name` says which
/// it is.
template <class T>
void require_sixteens(const char* name, const device_view<T, 4>& x) {
  constexpr index run = 16 / sizeof(T);
  const auto refuse = [&](const std::string& why) {
    throw shape_error("attend: " + std::string(name) + " " + why);
  };
  if (reinterpret_cast<std::uintptr_t>(x.data) % 16 != 0)
    refuse("does not begin at a multiple of 16 bytes, where the copy engine reads; align it.");
  if (x.stride[3] != 1)
    refuse("has dimensions that are not neighbours (stride 1); make the last axis contiguous.");
  for (int axis = 0; axis < 3; ++axis)
    if (x.extent[axis] > 1 && (x.stride[axis] <= 0 || x.stride[axis] % run != 0))
      refuse("has a stride of " + std::to_string(x.stride[axis]) +
             " elements; the copy engine needs positive multiples of " + std::to_string(run) + ".");
}

/// A map whose boxes are `rows` positions of one head by `row_bytes` bytes (128, 64 or 32) of dimensions,
/// swizzled; what a box holds outside the tensor is zero. Throws shape_error where the tensor cannot be
/// copied so.
template <class T>
CUtensorMap make_tensor_map(const char* name, const device_view<T, 4>& x, int rows,
                            int row_bytes = fragment::chunk_row_bytes) {
  using element = std::remove_const_t<T>;
  constexpr index run = 16 / sizeof(element);
  CUtensorMap map;
  require_sixteens(name, x);
  // An axis of one place may have any stride; the encoder still wants a legal one.
  const auto bytes = [&](int axis) {
    return static_cast<cuuint64_t>(x.extent[axis] > 1 ? x.stride[axis]
                                                      : (x.extent[3] + run - 1) / run * run) *
           sizeof(element);
  };
  const cuuint64_t extents[4] = {static_cast<cuuint64_t>(x.extent[3]), static_cast<cuuint64_t>(x.extent[1]),
                                 static_cast<cuuint64_t>(x.extent[2]), static_cast<cuuint64_t>(x.extent[0])};
  const cuuint64_t strides[3] = {bytes(1), bytes(2), bytes(0)};
  const cuuint32_t box[4] = {static_cast<cuuint32_t>(row_bytes / static_cast<int>(sizeof(element))),
                             static_cast<cuuint32_t>(rows), 1, 1};
  const cuuint32_t every[4] = {1, 1, 1, 1};
  const CUtensorMapSwizzle swizzle = row_bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
                                     : row_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                                                       : CU_TENSOR_MAP_SWIZZLE_32B;
  const CUresult code =
      tensor_map_encoder()(&map, tensor_map_type<element>, 4, const_cast<element*>(x.data), extents, strides,
                           box, every, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                           CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS)
    throw shape_error("attend: " + std::string(name) +
                      " has strides or extents that the copy engine cannot take (driver error " +
                      std::to_string(static_cast<int>(code)) + ").");
  return map;
}

}  // namespace byteloom::inline v0::cuda::detail
