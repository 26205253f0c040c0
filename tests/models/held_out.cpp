// SPDX-License-Identifier: Apache-2.0

// The published models on the host: the held-out figures are those that PyTorch computed.

#include <doctest/doctest.h>

#include "byteloom/host/generator.hpp"
#include "support/published.hpp"

namespace bl = byteloom;

TEST_CASE("english: bits per byte on the held-out text are PyTorch's") {
  const auto figures = test::figures().at("english");
  const auto loaded = test::load_english();
  const auto generator = bl::open_generator<english_sampler>(bl::host::here(), loaded, {test::window, 256});
  // BYTELOOM_TEST_WINDOWS shortens the run where every instruction is checked; the figure is then only near.
  const char* const fewer = std::getenv("BYTELOOM_TEST_WINDOWS");
  const auto all = figures.at("windows").get<std::size_t>();
  const auto windows = fewer != nullptr ? std::stoul(fewer) : all;
  double sum = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    const test::held_out_window held_out(i);
    sum += test::bits(generator->logits_of(held_out.read), held_out.predicted);
  }
  const double found = sum / static_cast<double>(windows * test::window);
  const auto wanted = figures.at("bits_per_byte").get<double>();
  MESSAGE("bits per byte over " << windows << " windows: " << found << ", PyTorch's over all: " << wanted);
  CHECK(std::abs(found - wanted) < (windows == all ? 0.005 : 0.5));
  CHECK(found <= 1.6);
  CHECK(found < figures.at("xz9_bits_per_byte").get<double>());
}

TEST_CASE("digits: as many held-out images right as in PyTorch") {
  const auto figures = test::figures().at("digits");
  const auto loaded = test::load_digits();
  for (const bl::index batch : {1, 7, 64}) {
    const auto classifier =
        bl::open_classifier(bl::host::here(), loaded, {.height = 8, .width = 8, .batch = batch});
    const int right = test::right_digits(*classifier);
    MESSAGE(right << " of " << figures.at("images").get<int>() << " right");
    CHECK(right == figures.at("correct").get<int>());
    CHECK(right >= 0.97 * figures.at("images").get<int>());
  }
}

TEST_CASE("a classifier refuses images of another shape by their sizes") {
  const auto loaded = test::load_digits();
  CHECK_THROWS_AS(bl::open_classifier(bl::host::here(), loaded, {.height = 10, .width = 8}), bl::shape_error);
  CHECK_THROWS_AS(bl::open_classifier(bl::host::here(), loaded, {.height = 8, .width = 8, .channels = 3}),
                  bl::shape_error);
  CHECK_THROWS_AS(bl::open_classifier(bl::host::here(), loaded, {.height = 8, .width = 8, .batch = 0}),
                  bl::argument_error);
  const auto classifier = bl::open_classifier(bl::host::here(), loaded, {.height = 8, .width = 8});
  const std::vector<float> pixels(28 * 28);
  CHECK_THROWS_WITH_AS(
      classifier->classify({pixels.data(), 1, 28, 28, 1}),
      "classifier: the images are 28 x 28 pixels of 1 channel, but it was opened for 8 x 8 pixels of 1 "
      "channel; scale the images or open another classifier.",
      bl::shape_error);
  CHECK_NOTHROW(classifier->classify({pixels.data(), 1, 8, 8, 1}));
}
