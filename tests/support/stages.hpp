// SPDX-License-Identifier: Apache-2.0
#pragma once

// Stages that the host's and the device's tests share: every format, norm, source and epilogue, with what
// each must give, computed in double precision from the unpacked weights and nothing of the implementation.

#include <cmath>
#include <random>
#include <vector>

#include "byteloom/compose/activation.hpp"
#include "byteloom/compose/norm.hpp"
#include "byteloom/quantize/format/dense.hpp"
#include "byteloom/quantize/format/int4.hpp"
#include "byteloom/quantize/format/int8.hpp"
#include "byteloom/quantize/linear.hpp"
#include "support/tensor.hpp"

namespace test {

namespace bl = byteloom;

/// One norm over a row, straight from its definition.
inline std::vector<double> normed_row(const bl::norm::none&, std::vector<double> x, const float*,
                                      const float*) {
  return x;
}
/// A norm as a user would write it that gathers nothing: a weight for each column.
struct column_scale {
  static constexpr bool has_weight = true;
  static constexpr bool has_bias = false;
  template <class Real>
  struct state {};
  template <class Real>
  BYTELOOM_HD static void add(state<Real>&, Real) {}
  template <class Real>
  BYTELOOM_HD static void merge(state<Real>&, const state<Real>&) {}
  template <class Real>
  BYTELOOM_HD bl::norm::affine<Real> finish(const state<Real>&) const {
    return {Real(0), Real(1)};
  }
};
inline std::vector<double> normed_row(const column_scale&, std::vector<double> x, const float* weight,
                                      const float*) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= static_cast<double>(weight[i]);
  return x;
}

inline std::vector<double> normed_row(const bl::norm::rms& norm, std::vector<double> x, const float* weight,
                                      const float*) {
  double squares = 0;
  for (double v : x) squares += v * v;
  const double factor =
      1 / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(norm.epsilon));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= factor * static_cast<double>(weight[i]);
  return x;
}
inline std::vector<double> normed_row(const bl::norm::layer& norm, std::vector<double> x, const float* weight,
                                      const float* bias) {
  double mean = 0;
  for (double v : x) mean += v / static_cast<double>(x.size());
  double variance = 0;
  for (double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  const double factor = 1 / std::sqrt(variance + static_cast<double>(norm.epsilon));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = (x[i] - mean) * factor * static_cast<double>(weight[i]) + static_cast<double>(bias[i]);
  return x;
}

/// Random weights in a format, with what they stand for.
template <class Format>
struct random_weights {
  bl::packed<Format> packed;
  std::vector<float> bias;
  std::vector<float> dense;

  random_weights(std::mt19937_64& draw, bl::index rows, bl::index columns)
      : packed(bl::pack<Format>(
            random_tensor<float>(draw, 1.0f / std::sqrt(static_cast<float>(columns)), 1, 1, rows, columns)
                .matrix())),
        bias(random_tensor<float>(draw, 0.5f, rows).data),
        dense(bl::unpack(packed.as_weights())) {}

  bl::weights<Format, bl::memory::host> view(bool with_bias) const {
    return packed.as_weights(with_bias ? bias.data() : nullptr);
  }

  /// W x (+ bias) in double precision.
  std::vector<double> times(const std::vector<double>& x, bool with_bias) const {
    std::vector<double> y(static_cast<std::size_t>(packed.rows));
    for (std::size_t r = 0; r < y.size(); ++r) {
      y[r] = with_bias ? static_cast<double>(bias[r]) : 0.0;
      for (std::size_t c = 0; c < x.size(); ++c) y[r] += static_cast<double>(dense[r * x.size() + c]) * x[c];
    }
    return y;
  }
};

/// Calls f(name, format tag, columns) for each format with column counts that it takes.
template <class F>
void for_each_format(const F& f) {
  f("f32", std::type_identity<bl::format::dense<float>>{}, std::vector<bl::index>{1, 7, 64, 200});
  f("bf16", std::type_identity<bl::format::dense<bl::bf16>>{}, std::vector<bl::index>{4, 33, 96});
  f("f16", std::type_identity<bl::format::dense<bl::f16>>{}, std::vector<bl::index>{40});
  f("e4m3", std::type_identity<bl::format::dense<bl::fp8_e4m3>>{}, std::vector<bl::index>{48});
  f("int8", std::type_identity<bl::format::int8>{}, std::vector<bl::index>{5, 64, 136});
  f("int4 in groups of 32", std::type_identity<bl::format::int4<32>>{}, std::vector<bl::index>{32, 160});
  f("int4 in groups of 64", std::type_identity<bl::format::int4<64>>{}, std::vector<bl::index>{64, 1408});
  f("int4 in groups of 8", std::type_identity<bl::format::int4<8>>{}, std::vector<bl::index>{8, 72});
}

/// Calls f(name, norm) for each norm.
template <class F>
void for_each_norm(const F& f) {
  f("no norm", bl::norm::none{});
  f("rms norm", bl::norm::rms{});
  f("layer norm", bl::norm::layer{1e-3f});
  f("user's norm without state", column_scale{});
}

/// Rows with a mean far from zero, on which a careless variance fails.
inline tensor<float> rows_with_offset(std::mt19937_64& draw, bl::index rows, bl::index columns) {
  auto x = random_tensor<float>(draw, 1.0f, 1, 1, rows, columns);
  for (auto& v : x.data) v += 30.0f;
  return x;
}

inline std::vector<double> row_of(const tensor<float>& x, bl::index row) {
  const auto columns = x.extent[3];
  return {x.data.begin() + row * columns, x.data.begin() + (row + 1) * columns};
}

}  // namespace test
