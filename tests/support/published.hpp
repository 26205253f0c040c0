// SPDX-License-Identifier: Apache-2.0
#pragma once

// The published models and their held-out data, as the tests of both backends use them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../examples/digits.hpp"
#include "../../examples/english.hpp"
#include "byteloom/compose/classifier.hpp"
#include "byteloom/compose/generator.hpp"
#include "byteloom/load/model.hpp"

namespace test {

inline std::filesystem::path source_dir() {
  const char* const given = std::getenv("BYTELOOM_SOURCE_DIR");
  if (given == nullptr) throw std::runtime_error("set BYTELOOM_SOURCE_DIR to the root of the repository");
  return given;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The figures that PyTorch computed, as the training scripts wrote them.
inline nlohmann::json figures() {
  return nlohmann::json::parse(read_file(source_dir() / "examples/models/figures.json"));
}

inline bl::loaded_model<english> load_english() {
  return bl::load_model(source_dir() / "examples/models/english.safetensors", make_english());
}

inline bl::loaded_model<digits> load_digits() {
  return bl::load_model<digits>(source_dir() / "examples/models/digits.safetensors");
}

inline constexpr std::size_t window = 2048;  ///< bytes that pass the model together

/// Window `which` of the held-out text: what the model reads (the begin token and all bytes but the last),
/// and what it shall predict.
struct held_out_window {
  std::vector<bl::token> read{256};
  std::vector<unsigned char> predicted;

  explicit held_out_window(std::size_t which) {
    const std::string text =
        read_file(source_dir() / "tests/data/english_heldout.txt").substr(which * window, window);
    predicted.assign(text.begin(), text.end());
    read.insert(read.end(), predicted.begin(), predicted.end() - 1);
  }
};

/// Sum of -log2 of the probabilities that `logits` [predicted, vocabulary] give the predicted bytes.
inline double bits(const std::vector<float>& logits, const std::vector<unsigned char>& predicted) {
  const std::size_t vocabulary = logits.size() / predicted.size();
  double sum = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    const std::span<const float> row(logits.data() + i * vocabulary, vocabulary);
    const double largest = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double total = 0;
    for (const float x : row) total += std::exp(static_cast<double>(x) - largest);
    sum -= (static_cast<double>(row[predicted[i]]) - largest - std::log(total)) / std::log(2.0);
  }
  return sum;
}

/// How many held-out digits a classifier names rightly.
inline int right_digits(bl::classifier& classifier) {
  const bl::safetensors data(source_dir() / "tests/data/digits_heldout.safetensors");
  const auto images = data.copy<std::uint8_t>("images");
  const auto labels = data.copy<std::uint8_t>("labels");
  std::vector<float> pixels(images.size());
  std::transform(images.begin(), images.end(), pixels.begin(),
                 [](auto x) { return static_cast<float>(x) / 16.0f; });
  const auto count = static_cast<bl::index>(labels.size());
  const auto scores = classifier.classify(bl::host_view<const float, 4>(pixels.data(), count, 8, 8, 1));
  int right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = scores.begin() + static_cast<std::ptrdiff_t>(i * 10);
    right += std::max_element(row, row + 10) - row == labels[i] ? 1 : 0;
  }
  return right;
}

}  // namespace test
