// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/generator.cuh: whole models on the device. Include it in the one .cu file that instantiates a model;
// its kernels are then in that object alone.

#include <memory>

#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/backend.cuh"
#include "byteloom/cuda/device.cuh"
#include "byteloom/cuda/gather.cuh"
#include "byteloom/cuda/generator.hpp"
#include "byteloom/cuda/sample.cuh"
#include "byteloom/cuda/stage.cuh"

namespace byteloom::inline v0 {

namespace cuda::detail {

/// The stream that was given, or one of our own in place of the default stream, which cannot be captured in a
/// graph.
class captured_stream {
 public:
  explicit captured_stream(executor given) : stream_(given.stream) {
    if (stream_ != nullptr) return;
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
    owned_ = true;
  }
  captured_stream(const captured_stream&) = delete;
  captured_stream& operator=(const captured_stream&) = delete;
  ~captured_stream() {
    if (owned_) cudaStreamDestroy(stream_);
  }
  executor on() const { return {stream_}; }

 private:
  cudaStream_t stream_;
  bool owned_ = false;
};

/// The stream is the first base, so that it outlives what runs on it.
template <class Model, class Sampler>
class device_generator final : captured_stream, public generator_on<executor, Model, Sampler> {
 public:
  device_generator(executor given, const loaded_model<Model>& loaded, const generator_options& options)
      : captured_stream(given),
        generator_on<executor, Model, Sampler>(on(), loaded.model, loaded.weights, loaded.owner, options) {}
};

}  // namespace cuda::detail

template <class Sampler, class Model>
std::unique_ptr<generator<Sampler>> open_generator(cuda::executor on, const loaded_model<Model>& loaded,
                                                   const generator_options& options) {
  cuda::require_device();
  return std::make_unique<cuda::detail::device_generator<Model, Sampler>>(on, loaded, options);
}

template <class Model>
std::unique_ptr<classifier> open_classifier(cuda::executor on, const loaded_model<Model>& loaded,
                                            const classifier_options& options) {
  cuda::require_device();
  return std::make_unique<classifier_on<cuda::executor, Model>>(on, loaded.model, loaded.weights,
                                                                loaded.owner, options);
}

}  // namespace byteloom::inline v0

/// Instantiates open_generator for a model and a sampler. For a .cu file, at global scope.
#define BYTELOOM_INSTANTIATE_GENERATOR(Model, Sampler)                                             \
  template std::unique_ptr<byteloom::generator<Sampler>> byteloom::open_generator<Sampler, Model>( \
      byteloom::cuda::executor, const byteloom::loaded_model<Model>&, const byteloom::generator_options&);

/// Instantiates open_classifier for a model. For a .cu file, at global scope.
#define BYTELOOM_INSTANTIATE_CLASSIFIER(Model)                                     \
  template std::unique_ptr<byteloom::classifier> byteloom::open_classifier<Model>( \
      byteloom::cuda::executor, const byteloom::loaded_model<Model>&, const byteloom::classifier_options&);
