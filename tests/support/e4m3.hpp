// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attentions over numbers of fp8_e4m3 with scales, for the host's and the device's tests.

#include <functional>
#include <random>

#include "byteloom/attend/scales/per_block.hpp"
#include "byteloom/attend/scales/per_head.hpp"
#include "byteloom/attend/scales/per_tensor.hpp"
#include "byteloom/core/fp8.hpp"
#include "support/attentions.hpp"
#include "support/tensor.hpp"

namespace test {

/// What rounding weights to e4m3 costs an output. Three bits behind the leading one leave a weight a relative
/// error of 2^-4 at most, 2^-4 / sqrt(3) where its significand is 1, and 0.0266 in the mean square over
/// significands whose logarithm is uniform; beside values that are independent of each other an output has
/// that error too, and rows of few keys more or less of it. tests/attend/e4m3.cpp simulates it and holds it
/// against this bound.
inline constexpr double e4m3_bound = 3.5e-2;

/// Random numbers of fp8_e4m3.
struct e4m3_inputs {
  tensor<bl::fp8_e4m3> q, k, v;

  template <class Spec>
  e4m3_inputs(std::mt19937_64& draw, const Spec& spec, attend_shape shape, float spread)
      : q(random_tensor<bl::fp8_e4m3>(draw, spread, shape.batch, shape.queries, spec.heads().query,
                                      spec.heads().size)),
        k(random_tensor<bl::fp8_e4m3>(draw, spread, shape.batch, shape.keys, spec.heads().key,
                                      spec.heads().size)),
        v(random_tensor<bl::fp8_e4m3>(draw, 1.0f, shape.batch, shape.keys, spec.heads().key / Spec::map_count,
                                      spec.heads().value_size)) {}
};

/// Scales whose products with numbers of e4m3 are floats: multiples of 1/64 from 1/2 to 2.
inline float random_scale(std::mt19937_64& draw) {
  return static_cast<float>(std::uniform_int_distribution<int>(32, 127)(draw)) / 64.0f;
}
inline tensor<float> random_scales(std::mt19937_64& draw, bl::index a, bl::index b, bl::index c) {
  tensor<float> result(1, a, b, c);
  for (float& x : result.data) x = random_scale(draw);
  return result;
}

/// The number that is meant: a code times its scale, which `scale(batch, row, head)` tells.
using scale_of = std::function<float(int, int, int)>;
inline tensor<float> dequantised(const tensor<bl::fp8_e4m3>& codes, const scale_of& scale) {
  tensor<float> result(codes.extent[0], codes.extent[1], codes.extent[2], codes.extent[3]);
  for (int b = 0; b < codes.extent[0]; ++b)
    for (int row = 0; row < codes.extent[1]; ++row)
      for (int head = 0; head < codes.extent[2]; ++head)
        for (int i = 0; i < codes.extent[3]; ++i)
          result.view()(b, row, head, i) =
              static_cast<float>(codes.view()(b, row, head, i)) * scale(b, row, head);
  return result;
}

/// Calls f(name, policy, of queries, of keys, of values) for each form of scales; the functions say by the
/// test's own tables what the policy should.
template <class F>
void for_each_scales(std::mt19937_64& draw, attend_shape shape, int query_heads, int key_heads,
                     int value_heads, const F& f) {
  {
    const float q = random_scale(draw), k = random_scale(draw), v = random_scale(draw);
    f("per tensor", bl::scales::per_tensor{q, k, v}, scale_of([=](int, int, int) { return q; }),
      scale_of([=](int, int, int) { return k; }), scale_of([=](int, int, int) { return v; }));
  }
  const auto table = [](const tensor<float>& x) {
    return bl::host_view<const float, 3>(x.data.data(), x.extent[1], x.extent[2], x.extent[3]);
  };
  const auto plane = [](const tensor<float>& x) {
    return bl::host_view<const float, 2>(x.data.data(), x.extent[1], x.extent[2]);
  };
  {
    const auto q = random_scales(draw, shape.batch, query_heads, 1);
    const auto k = random_scales(draw, shape.batch, key_heads, 1);
    const auto v = random_scales(draw, 1, value_heads, 1);  // all sequences share these
    auto shared = plane(v);
    shared.extent[0] = shape.batch;
    shared.stride[0] = 0;
    const auto of = [](const tensor<float>& x, bool by_batch) {
      return scale_of(
          [&x, by_batch](int b, int, int head) { return x.view()(0, by_batch ? b : 0, head, 0); });
    };
    f("per head", bl::scales::per_head<>(plane(q), plane(k), shared), of(q, true), of(k, true), of(v, false));
  }
  {
    const auto q = random_scales(draw, shape.batch, query_heads, (shape.queries + 127) / 128);
    const auto k = random_scales(draw, shape.batch, key_heads, (shape.keys + 127) / 128);
    const auto v = random_scales(draw, shape.batch, value_heads, (shape.keys + 127) / 128);
    const auto of = [](const tensor<float>& x) {
      return scale_of([&x](int b, int row, int head) { return x.view()(0, b, head, row / 128); });
    };
    f("per block", bl::scales::per_block<>(table(q), table(k), table(v)), of(q), of(k), of(v));
  }
}

}  // namespace test
