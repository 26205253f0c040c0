// SPDX-License-Identifier: Apache-2.0
#pragma once

// Owned random and poisoned host tensors for tests.

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/core/view.hpp"

namespace test {

/// A contiguous host tensor of rank 4 (fewer axes: extents of 1 in front).
template <class T>
struct tensor {
  std::array<byteloom::index, 4> extent;
  std::vector<T> data;

  explicit tensor(byteloom::index a, byteloom::index b = 1, byteloom::index c = 1, byteloom::index d = 1)
      : extent{a, b, c, d}, data(static_cast<std::size_t>(a * b * c * d)) {}

  byteloom::host_view<T, 4> view() { return {data.data(), extent[0], extent[1], extent[2], extent[3]}; }
  byteloom::host_view<const T, 4> view() const {
    return {data.data(), extent[0], extent[1], extent[2], extent[3]};
  }
  /// As a matrix: the last axis are columns.
  byteloom::host_view<const T, 2> matrix() const {
    return {data.data(), extent[0] * extent[1] * extent[2], extent[3]};
  }
};

/// Normal random numbers of a given spread, rounded to T.
template <class T>
tensor<T> random_tensor(std::mt19937_64& draw, float spread, byteloom::index a, byteloom::index b = 1,
                        byteloom::index c = 1, byteloom::index d = 1) {
  tensor<T> result(a, b, c, d);
  std::normal_distribution<float> normal(0.0f, spread);
  for (auto& x : result.data) x = static_cast<T>(normal(draw));
  return result;
}

/// A random table, of which a policy takes views.
struct random_table {
  tensor<float> values;

  random_table(std::mt19937_64& draw, float spread, byteloom::index rows, byteloom::index columns = 1)
      : values(random_tensor<float>(draw, spread, 1, 1, rows, columns)) {}

  byteloom::host_view<const float, 1> vector() const {
    return {values.data.data(), static_cast<byteloom::index>(values.data.size())};
  }
  byteloom::host_view<const float, 2> matrix() const { return values.matrix(); }
  /// [column, row]: the same numbers, with strides that are not those of contiguous data.
  byteloom::host_view<const float, 2> transposed() const {
    auto result = matrix();
    std::swap(result.extent[0], result.extent[1]);
    std::swap(result.stride[0], result.stride[1]);
    return result;
  }
};

/// NaN everywhere: what nobody writes is seen.
template <class T>
tensor<T> poisoned_tensor(byteloom::index a, byteloom::index b = 1, byteloom::index c = 1,
                          byteloom::index d = 1) {
  tensor<T> result(a, b, c, d);
  for (auto& x : result.data) x = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
  return result;
}

/// Norm of the difference over the norm of the reference; NaN or an unwritten number gives NaN, which
/// compares false.
template <class A, class B>
double relative_error(const std::vector<A>& found, const std::vector<B>& wanted) {
  double difference = 0;
  double size = 0;
  if (found.size() != wanted.size()) return std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double a = static_cast<double>(static_cast<float>(found[i]));
    const double b = static_cast<double>(wanted[i]);
    difference += (a - b) * (a - b);
    size += b * b;
  }
  return std::sqrt(difference / size);
}

}  // namespace test
