// SPDX-License-Identifier: Apache-2.0

// An image of a digit in, its class and the probabilities out: 02_classify [--host] IMAGE.pgm
// The image is 8 x 8, PGM or PPM, bright ink on dark ground, as scikit-learn's digits are.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <byteloom/load/pnm.hpp>

#include "device.hpp"
#include "digits.hpp"
#include "usage.hpp"

namespace {

constexpr const char* usage = "usage: 02_classify [--host] IMAGE.pgm";

/// The image as numbers from 0 to 1; colours become their mean.
std::vector<float> grey(const bl::image& image) {
  std::vector<float> result(static_cast<std::size_t>(image.height * image.width));
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (std::size_t c = 0; c < channels; ++c) result[i] += static_cast<float>(image.samples[i * channels + c]);
    result[i] /= static_cast<float>(channels) * static_cast<float>(image.maximum);
  }
  return result;
}

void classify(const std::string& file, bool host_only) {
  const bl::image image = bl::read_pnm(file);
  const auto loaded = bl::load_model<digits>(examples::model_file("digits"));
  const auto classifier = examples::on_best_device(host_only, [&](auto executor) {
    return bl::open_classifier(executor, loaded, {.height = 8, .width = 8, .channels = 1, .batch = 1});
  });
  std::fprintf(stderr, "[%s]\n", classifier->device().c_str());

  const std::vector<float> pixels = grey(image);
  std::vector<float> scores =
      classifier->classify(bl::host_view<const float, 4>(pixels.data(), 1, image.height, image.width, 1));
  const float largest = *std::max_element(scores.begin(), scores.end());
  float sum = 0;
  for (float& score : scores) sum += score = std::exp(score - largest);
  const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
  std::printf("class %td\n", best);
  for (std::size_t i = 0; i < scores.size(); ++i)
    std::printf("%zu %.4f\n", i, static_cast<double>(scores[i] / sum));
}

}  // namespace

int main(int count, char** arguments) try {
  if (examples::asked_for_help(count, arguments, usage)) return 0;
  std::string file;
  bool host_only = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--host") {
      host_only = true;
    } else if (argument.starts_with("-") || !file.empty()) {
      throw bl::argument_error("02_classify takes one image and --host; '" + std::string(argument) +
                               "' is one thing too many.");
    } else {
      file = argument;
    }
  }
  if (file.empty()) throw bl::argument_error(usage);
  classify(file, host_only);
} catch (const std::exception& failure) {
  std::fprintf(stderr, "02_classify: %s\n", failure.what());
  return 1;
}
