// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/backend: memory and replay for whole models on the device. Replay captures what a step launches into a
// CUDA graph the first time and launches the graph from then on: decoding costs one launch per token.

#include <cuda_runtime.h>

#include <cstddef>
#include <optional>
#include <string>

#include "byteloom/compose/backend.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/device.cuh"
#include "byteloom/cuda/graph.cuh"

namespace byteloom::inline v0 {

template <>
struct backend<cuda::executor> {
  template <class T>
  using buffer = cuda::buffer<T>;

  template <class T>
  static void upload(cuda::executor on, T* to, const T* from, std::size_t count) {
    // From pageable memory the copy is staged before the call returns, so `from` may be reused.
    cuda::detail::check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyHostToDevice, on.stream),
                        "copying to the GPU");
  }
  template <class T>
  static void download(cuda::executor on, T* to, const T* from, std::size_t count) {
    cuda::detail::check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyDeviceToHost, on.stream),
                        "copying from the GPU");
    cuda::detail::check(cudaStreamSynchronize(on.stream), "waiting for the GPU");
  }

  /// One T in page-locked memory, so that the copy to it is part of a graph.
  template <class T>
  class mailbox {
   public:
    explicit mailbox(cuda::executor) : value_(1) {}
    void post(cuda::executor on, const T* from) {
      cuda::detail::check(cudaMemcpyAsync(value_.data(), from, sizeof(T), cudaMemcpyDeviceToHost, on.stream),
                          "copying from the GPU");
    }
    T take(cuda::executor on) {
      cuda::detail::check(cudaStreamSynchronize(on.stream), "waiting for the GPU");
      return *value_.data();
    }

   private:
    cuda::pinned<T> value_;
  };

  /// Keeps one graph: that of the last key. Captures on the executor's stream, which cannot be the default
  /// one.
  template <class Key>
  class replay {
   public:
    template <class F>
    void operator()(cuda::executor on, const Key& key, const F& f) {
      if (!key_ || !(*key_ == key)) {
        graph_ = cuda::graph(on, f);
        key_ = key;
      }
      graph_.launch(on);
    }

   private:
    std::optional<Key> key_;
    cuda::graph graph_;
  };

  static std::string name(cuda::executor) { return cuda::device_name(); }
};

}  // namespace byteloom::inline v0
