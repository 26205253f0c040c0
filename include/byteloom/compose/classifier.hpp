// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/classifier: a model that names the class of an image. `classifier` is what callers hold, whatever
// runs it; `classifier_on` is the one implementation for all backends.

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "byteloom/compose/resident.hpp"
#include "byteloom/compose/runner.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/embed/patches.hpp"

namespace byteloom::inline v0 {

struct classifier_options {
  index height = 0;  ///< of every image, in pixels
  index width = 0;
  index channels = 1;  ///< numbers a pixel
  index batch = 64;    ///< images that pass the model together
};

class classifier {
 public:
  virtual ~classifier() = default;

  /// Images [count, height, width, channels] to one number for each class (before softmax): [count,
  /// classes()]. Throws shape_error where the images are not those the classifier was opened for.
  virtual std::vector<float> classify(host_view<const float, 4> images) = 0;

  virtual index classes() const = 0;
  virtual std::string device() const = 0;
};

template <class Executor, class Model>
class classifier_on final : public classifier {
  static_assert(!Model::head_type::per_token,
                "byteloom: a classifier needs a model whose head is head::classes<...>; open a generator for "
                "head::logits<...>.");

 public:
  classifier_on(Executor on, const Model& model, const model_weights<Model, memory::host>& weights,
                std::shared_ptr<const void> owner, classifier_options options)
      : on_(on),
        model_(model),
        options_(require_options(model, weights, options)),
        tokens_(model.tokenizer.tokens(options.height, options.width)),
        resident_(on, weights, std::move(owner)),
        runner_(on, model_.stack, resident_.weights(), options.batch, tokens_, tokens_),
        images_(on, size(options.batch * pixels())),
        logits_(on, size(options.batch * classes())) {
    std::vector<int> positions(size(options_.batch * tokens_));
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int>(i % size(tokens_));
    const std::vector<int> lengths(size(options_.batch), static_cast<int>(tokens_));
    backend<Executor>::upload(on_, runner_.positions(tokens_).data, positions.data(), positions.size());
    backend<Executor>::upload(on_, runner_.lengths().data, lengths.data(), lengths.size());
  }

  std::vector<float> classify(host_view<const float, 4> images) override {
    if (images.extent[1] != options_.height || images.extent[2] != options_.width ||
        images.extent[3] != options_.channels)
      throw shape_error(
          "classifier: the images are " + described(images.extent[1], images.extent[2], images.extent[3]) +
          ", but it was opened for " + described(options_.height, options_.width, options_.channels) +
          "; scale the images or open another classifier.");
    const index count = images.extent[0];
    std::vector<float> result(size(count * classes()));
    // A last, smaller batch is filled up with zeros: its sequences do not see each other.
    std::vector<float> staged(size(options_.batch * pixels()));
    for (index first = 0; first < count; first += options_.batch) {
      const index here = std::min(options_.batch, count - first);
      std::fill(staged.begin(), staged.end(), 0.0f);
      float* to = staged.data();
      for (index i = first; i < first + here; ++i)
        for (index y = 0; y < options_.height; ++y)
          for (index x = 0; x < options_.width; ++x)
            for (index c = 0; c < options_.channels; ++c) *to++ = images(i, y, x, c);
      backend<Executor>::upload(on_, images_.data(), staged.data(), staged.size());
      forward();
      backend<Executor>::download(on_, result.data() + first * classes(), logits_.data(),
                                  size(here * classes()));
    }
    return result;
  }

  index classes() const override { return resident_.weights().head.matrix.rows; }
  std::string device() const override { return backend<Executor>::name(on_); }

 private:
  static constexpr memory where = Executor::where;
  template <class T>
  using buffer = typename backend<Executor>::template buffer<T>;

  static std::size_t size(index n) { return static_cast<std::size_t>(n); }
  static std::string described(index height, index width, index channels) {
    return std::to_string(width) + " x " + std::to_string(height) + " pixels of " + std::to_string(channels) +
           (channels == 1 ? " channel" : " channels");
  }

  static classifier_options require_options(const Model& model,
                                            const model_weights<Model, memory::host>& weights,
                                            const classifier_options& options) {
    const index tokens =
        model.tokenizer.tokens(options.height, options.width);  // throws for sizes that do not fit
    if (options.batch < 1)
      throw argument_error("classifier: a batch holds at least one image; set options.batch.");
    if (weights.embedding.position.extent[0] != tokens)
      throw shape_error("classifier: " + described(options.height, options.width, options.channels) +
                        " make " + std::to_string(tokens) + " patches, but the model has positions for " +
                        std::to_string(weights.embedding.position.extent[0]) +
                        "; give images of the size it learned.");
    const index numbers = model.tokenizer.numbers(options.channels);
    if (weights.embedding.matrix.columns != numbers)
      throw shape_error("classifier: a patch of " + std::to_string(options.channels) + " channels has " +
                        std::to_string(numbers) + " numbers, but the model's first matrix takes " +
                        std::to_string(weights.embedding.matrix.columns) +
                        "; give images with the channels it learned.");
    return options;
  }

  index pixels() const { return options_.height * options_.width * options_.channels; }

  void forward() {
    using identity = epilogue::plain<activation::identity, where>;
    const auto& weights = resident_.weights();
    const index rows = options_.batch * tokens_;
    const view<const float, 4, where> images(images_.data(), options_.batch, options_.height, options_.width,
                                             options_.channels);
    run(on_, stage{embed::source<typename Model::tokenizer_type, where>{images, model_.tokenizer},
                   normed<norm::none>{}, weights.embedding.matrix,
                   identity{runner_.x(tokens_), weights.embedding.position, {}}, rows});
    runner_.forward(tokens_);
    const view<const float, 2, where> x(runner_.x(tokens_));
    const view<float, 2, where> out(logits_.data(), options_.batch, classes());
    run(on_, stage{source::mean_of_rows<where>{x, tokens_}, weights.head.norm, weights.head.matrix,
                   identity{out, {}, {}}, options_.batch});
  }

  Executor on_;
  Model model_;
  classifier_options options_;
  index tokens_;
  resident<Model, Executor> resident_;
  runner<Model, Executor> runner_;
  buffer<float> images_;
  buffer<float> logits_;
};

}  // namespace byteloom::inline v0
