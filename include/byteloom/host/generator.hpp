// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/generator: opens a generator or a classifier on the host.

#include <memory>

#include "byteloom/compose/classifier.hpp"
#include "byteloom/compose/generator.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/host/backend.hpp"
#include "byteloom/host/gather.hpp"
#include "byteloom/host/sample.hpp"
#include "byteloom/host/stage.hpp"

namespace byteloom::inline v0 {

/// A generator over the weights of `loaded`, which it keeps. `Sampler` is how tokens are drawn. Throws
/// argument_error.
template <class Sampler, class Model>
std::unique_ptr<generator<Sampler>> open_generator(host::executor on, const loaded_model<Model>& loaded,
                                                   const generator_options& options) {
  return std::make_unique<generator_on<host::executor, Model, Sampler>>(on, loaded.model, loaded.weights,
                                                                        loaded.owner, options);
}

/// A classifier over the weights of `loaded`, which it keeps. Throws argument_error and shape_error.
template <class Model>
std::unique_ptr<classifier> open_classifier(host::executor on, const loaded_model<Model>& loaded,
                                            const classifier_options& options) {
  return std::make_unique<classifier_on<host::executor, Model>>(on, loaded.model, loaded.weights,
                                                                loaded.owner, options);
}

}  // namespace byteloom::inline v0
