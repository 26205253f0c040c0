// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/generator.hpp: opens a generator or a classifier on the GPU, for files that g++ compiles. Some .cu
// file of the same program includes cuda/generator.cuh and instantiates the models they open:
//
//   BYTELOOM_INSTANTIATE_GENERATOR(my_model, my_sampler)
//   BYTELOOM_INSTANTIATE_CLASSIFIER(my_model)

#include <memory>

#include "byteloom/compose/classifier.hpp"
#include "byteloom/compose/generator.hpp"
#include "byteloom/cuda/device.hpp"

namespace byteloom::inline v0 {

/// A generator that runs on the current GPU, in order on the executor's stream. The weights are copied to the
/// GPU. Throws device_error where there is no usable GPU, out_of_memory, and argument_error.
template <class Sampler, class Model>
std::unique_ptr<generator<Sampler>> open_generator(cuda::executor on, const loaded_model<Model>& loaded,
                                                   const generator_options& options);

/// A classifier that runs on the current GPU. Throws as open_generator does, and shape_error.
template <class Model>
std::unique_ptr<classifier> open_classifier(cuda::executor on, const loaded_model<Model>& loaded,
                                            const classifier_options& options);

}  // namespace byteloom::inline v0
