// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attention written down once more, in double precision and from formulas that a test gives: nothing of the
// library's policies is called.

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "support/attentions.hpp"
#include "support/tensor.hpp"

namespace test {

using vector = std::vector<double>;

/// Random queries, keys and values for a composition.
struct attend_inputs {
  tensor<float> q, k, v;

  template <class Spec>
  attend_inputs(std::mt19937_64& draw, const Spec& spec, attend_shape shape, float spread)
      : q(random_tensor<float>(draw, spread, shape.batch, shape.queries, spec.heads().query,
                               spec.heads().size)),
        k(random_tensor<float>(draw, spread, shape.batch, shape.keys, spec.heads().key, spec.heads().size)),
        v(random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, spec.heads().key / Spec::map_count,
                               spec.heads().value_size)) {}
};

/// The formulas of one attention; what is not given is the plain one.
struct formulas {
  /// A query's or key's vector at its position in a sequence of `keys` keys.
  std::function<vector(vector x, bool is_query, int batch, int position, int keys)> turned =
      [](vector x, bool, int, int, int) { return x; };
  /// The score of a dot product; NaN: the key is not seen.
  std::function<double(double dot, int batch, int head, int query, int key)> score;
  /// Weights from the scores of the keys that are seen.
  std::function<vector(int head, const vector& scores)> weights = [](int, const vector& scores) {
    double largest = -std::numeric_limits<double>::infinity();
    for (double s : scores) largest = std::max(largest, s);
    double sum = 0;
    vector result;
    for (double s : scores) result.push_back(std::exp(s - largest));
    for (double w : result) sum += w;
    for (double& w : result) w /= sum;
    return result;
  };
};

inline constexpr double unseen = std::numeric_limits<double>::quiet_NaN();

/// [batch, query, query head, value size] as the formulas say.
inline vector brute_force(const attend_inputs& in, const formulas& by) {
  const auto batches = static_cast<int>(in.q.extent[0]), queries = static_cast<int>(in.q.extent[1]),
             heads = static_cast<int>(in.q.extent[2]), size = static_cast<int>(in.q.extent[3]),
             keys = static_cast<int>(in.k.extent[1]), key_heads = static_cast<int>(in.k.extent[2]),
             value_size = static_cast<int>(in.v.extent[3]);
  const auto row_of = [&](const tensor<float>& x, int b, int row, int head) {
    vector result;
    for (int i = 0; i < size; ++i) result.push_back(static_cast<double>(x.view()(b, row, head, i)));
    return result;
  };
  vector out;
  for (int b = 0; b < batches; ++b)
    for (int row = 0; row < queries; ++row)
      for (int head = 0; head < heads; ++head) {
        const int key_head = head * key_heads / heads;
        const int place = keys - queries + row;
        const vector query = by.turned(row_of(in.q, b, row, head), true, b, place, keys);
        std::vector<int> seen;
        vector scores;
        for (int key = 0; key < keys; ++key) {
          const vector other = by.turned(row_of(in.k, b, key, key_head), false, b, key, keys);
          double dot = 0;
          for (std::size_t i = 0; i < query.size(); ++i) dot += query[i] * other[i];
          const double score = by.score(dot, b, head, place, key);
          if (std::isnan(score)) continue;
          seen.push_back(key);
          scores.push_back(score);
        }
        const vector weights = by.weights(head, scores);
        for (int i = 0; i < value_size; ++i) {
          double sum = 0;
          for (std::size_t j = 0; j < seen.size(); ++j)
            sum += weights[j] * static_cast<double>(in.v.view()(b, seen[j], key_head, i));
          out.push_back(sum);
        }
      }
  return out;
}

}  // namespace test
