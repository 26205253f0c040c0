// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/work_counters: two ints of device memory that a persistent kernel takes at 0 and leaves at 0, so that
// its blocks can hand out work among themselves.

#include <cuda_runtime.h>

#include <optional>
#include <vector>

#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"

namespace byteloom::inline v0::cuda::detail {

/// Counters for launches on one stream. Kernels of a stream follow each other, so that the calls of a thread
/// on a stream share one pair, made at the first; taking and clearing memory at each call would leave the GPU
/// idle between short kernels. A captured graph may be launched anywhere, at any time: it gets a pair of its
/// own, cleared by the graph.
class work_counters {
 public:
  explicit work_counters(executor on) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(on.stream, &status), "asking whether a stream is captured");
    if (status != cudaStreamCaptureStatusNone) {
      own_.emplace(on, 2);
      clear(on, own_->data());
      data_ = own_->data();
      return;
    }
    int device = 0;
    unsigned long long stream = 0;  // unlike the handle, never used again
    check(cudaGetDevice(&device), "asking for the current GPU");
    check(cudaStreamGetId(on.stream, &stream), "asking for a stream's number");
    thread_local kept all;
    for (const auto& pair : all.pairs)
      if (pair.device == device && pair.stream == stream) {
        data_ = pair.data;
        return;
      }
    int* made = nullptr;
    const cudaError_t code = cudaMalloc(reinterpret_cast<void**>(&made), 2 * sizeof(int));
    if (code != cudaSuccess) raise(code, "two counters");
    all.pairs.push_back({device, stream, made});
    clear(on, made);
    data_ = made;
  }

  int* data() const { return data_; }

 private:
  struct pair_of {
    int device;
    unsigned long long stream;
    int* data;
  };
  struct kept {
    std::vector<pair_of> pairs;
    ~kept() {
      for (const auto& pair : pairs) cudaFree(pair.data);  // waits for kernels that still count
    }
  };

  static void clear(executor on, int* data) {
    check(cudaMemsetAsync(data, 0, 2 * sizeof(int), on.stream), "clearing counters");
  }

  std::optional<buffer<int>> own_;
  int* data_ = nullptr;
};

}  // namespace byteloom::inline v0::cuda::detail
