// SPDX-License-Identifier: Apache-2.0
#pragma once

// Host tensors of a test, copied to the device and back.

#include "byteloom/cuda/buffer.cuh"
#include "support/tensor.hpp"

namespace test {

/// A tensor's copy on the device.
template <class T>
struct device_tensor {
  std::array<byteloom::index, 4> extent;
  byteloom::cuda::buffer<T> data;

  device_tensor(byteloom::cuda::executor on, const tensor<T>& from)
      : extent(from.extent), data(on, from.data.size()) {
    data.copy_from_host(on, from.data);
  }

  byteloom::device_view<T, 4> view() { return {data.data(), extent[0], extent[1], extent[2], extent[3]}; }
  byteloom::device_view<T, 2> matrix() { return {data.data(), extent[0] * extent[1] * extent[2], extent[3]}; }

  std::vector<T> back(byteloom::cuda::executor on) {
    std::vector<T> result(static_cast<std::size_t>(extent[0] * extent[1] * extent[2] * extent[3]));
    data.copy_to_host(on, result);
    return result;
  }
};

/// A vector's copy on the device.
template <class T>
byteloom::cuda::buffer<T> to_device(byteloom::cuda::executor on, const std::vector<T>& from) {
  byteloom::cuda::buffer<T> result(on, from.size());
  result.copy_from_host(on, from);
  return result;
}

}  // namespace test
