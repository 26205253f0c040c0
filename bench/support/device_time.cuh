// SPDX-License-Identifier: Apache-2.0
#pragma once

// Device time of an operation: a CUDA graph runs it once on each of several copies of its inputs, which
// together exceed the L2 cache, and events around the graph measure it.

#include <benchmark/benchmark.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <vector>

#include "byteloom/core/view.hpp"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/device.cuh"
#include "byteloom/cuda/graph.cuh"

namespace bench {

/// A stream and two events, given back at the end.
class clock {
 public:
  clock() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    check(cudaEventCreate(&start_));
    check(cudaEventCreate(&stop_));
  }
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  ~clock() {
    cudaEventDestroy(stop_);
    cudaEventDestroy(start_);
    cudaStreamDestroy(stream_);
  }

  byteloom::cuda::executor on() const { return byteloom::cuda::on(stream_); }

  /// Seconds that one launch of the graph takes.
  double seconds(const byteloom::cuda::graph& graph) const {
    check(cudaEventRecord(start_, stream_));
    graph.launch(on());
    check(cudaEventRecord(stop_, stream_));
    check(cudaEventSynchronize(stop_));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_, stop_));
    return static_cast<double>(milliseconds) / 1e3;
  }

 private:
  static void check(cudaError_t result) { byteloom::cuda::detail::check(result, "timing"); }

  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
};

/// How many copies of `bytes` bytes exceed the cache twice.
inline int copies_past_cache(byteloom::index bytes) {
  int device = 0;
  int cache = 0;
  byteloom::cuda::detail::check(cudaGetDevice(&device), "asking for the device");
  byteloom::cuda::detail::check(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, device),
                                "asking for its cache");
  return static_cast<int>(
      std::clamp<byteloom::index>(2 * static_cast<byteloom::index>(cache) / bytes + 1, 2, 64));
}

/// Times run(copy) for copies 0, 1, ... as the benchmark's manual time; `bytes` and `operations` are those of
/// one run.
template <class Run>
void time_on_device(benchmark::State& state, const clock& timer, int copies, double bytes, double operations,
                    const Run& run) {
  const byteloom::cuda::graph graph(timer.on(), [&] {
    for (int copy = 0; copy < copies; ++copy) run(copy);
  });
  for (int warm = 0; warm < 3; ++warm) timer.seconds(graph);
  for (auto _ : state) state.SetIterationTime(timer.seconds(graph) / copies);
  const auto per_second = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["byte/s"] = benchmark::Counter(bytes, per_second);
  state.counters["FLOP/s"] = benchmark::Counter(operations, per_second);
  state.SetLabel(byteloom::cuda::device_name());
}

template <class T>
byteloom::cuda::buffer<T> on_device(byteloom::cuda::executor on, const std::vector<T>& from) {
  byteloom::cuda::buffer<T> result(on, from.size());
  result.copy_from_host(on, from);
  return result;
}

}  // namespace bench
