// SPDX-License-Identifier: Apache-2.0
#pragma once

// Inputs of benchmarks: never zeros, since hardware multiplies those at another clock.

#include <cstddef>
#include <random>
#include <vector>

#include "byteloom/core/view.hpp"

namespace bench {

inline std::vector<float> normal_numbers(byteloom::index count, float spread = 1.0f) {
  static std::mt19937_64 draw(std::random_device{}());
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> result(static_cast<std::size_t>(count));
  for (float& x : result) x = normal(draw);
  return result;
}

template <class T>
std::vector<T> narrowed(const std::vector<float>& from) {
  std::vector<T> result;
  result.reserve(from.size());
  for (const float x : from) result.push_back(static_cast<T>(x));
  return result;
}

}  // namespace bench
