// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/graph: what a piece of code launches on a stream, captured once and launched as a whole from then on.

#include <cuda_runtime.h>

#include <utility>

#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/check.cuh"

namespace byteloom::inline v0::cuda {

/// An executable graph, or none.
class graph {
 public:
  graph() = default;

  /// Captures what f() launches on the executor's stream, which is not the default stream; nothing runs yet.
  /// An exception of f passes through, and the stream is as before.
  template <class F>
  graph(executor on, const F& f) {
    detail::check(cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeThreadLocal),
                  "beginning a graph's capture");
    cudaGraph_t captured = nullptr;
    try {
      f();
    } catch (...) {
      cudaStreamEndCapture(on.stream, &captured);
      if (captured != nullptr) cudaGraphDestroy(captured);
      cudaGetLastError();
      throw;
    }
    detail::check(cudaStreamEndCapture(on.stream, &captured), "ending a graph's capture");
    const cudaError_t made = cudaGraphInstantiate(&executable_, captured, 0);
    cudaGraphDestroy(captured);
    detail::check(made, "making a graph");
  }

  graph(graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}
  graph& operator=(graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    return *this;
  }
  ~graph() {
    if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
  }

  void launch(executor on) const {
    detail::check(cudaGraphLaunch(executable_, on.stream), "launching a graph");
  }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace byteloom::inline v0::cuda
