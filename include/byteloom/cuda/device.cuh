// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/device.cuh: what cuda/device.hpp declares.

#include <cuda_runtime.h>

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/device.hpp"

namespace byteloom::inline v0::cuda {

// Emitted wherever this header is included, so that g++ files which only declare it can link.
[[gnu::used]] inline std::string why_unusable() {
  int devices = 0;
  const cudaError_t counted = cudaGetDeviceCount(&devices);
  if (counted != cudaSuccess) {
    cudaGetLastError();
    if (counted == cudaErrorNoDevice) return detail::why_unusable("", 0, "", 0);
    return detail::why_unusable(cudaGetErrorString(counted), 0, "", 0);
  }
  if (devices == 0) return detail::why_unusable("", 0, "", 0);
  int current = 0;
  cudaDeviceProp properties{};
  cudaError_t asked = cudaGetDevice(&current);
  if (asked == cudaSuccess) asked = cudaGetDeviceProperties(&properties, current);
  if (asked != cudaSuccess) {
    cudaGetLastError();
    return detail::why_unusable(cudaGetErrorString(asked), devices, "", 0);
  }
  return detail::why_unusable("", devices, properties.name, properties.major * 10 + properties.minor);
}

[[gnu::used]] inline std::string device_name() {
  int current = 0;
  cudaDeviceProp properties{};
  detail::check(cudaGetDevice(&current), "asking for the current GPU");
  detail::check(cudaGetDeviceProperties(&properties, current), "asking for the GPU's name");
  return properties.name;
}

/// Throws device_error where why_unusable() has something to say.
inline void require_device() {
  const std::string reason = why_unusable();
  if (!reason.empty()) throw device_error(reason);
}

}  // namespace byteloom::inline v0::cuda
