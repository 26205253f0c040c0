// SPDX-License-Identifier: Apache-2.0
#pragma once

// Blocks of published models written down once more, in double precision and row by row; nothing of the
// library is called, but its packed weights are read.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "support/brute_force.hpp"
#include "support/stages.hpp"
#include "support/tensor.hpp"

namespace test {

/// One row of numbers for each token.
using rows = std::vector<vector>;

inline rows random_rows(std::mt19937_64& draw, int count, int size) {
  std::normal_distribution<float> normal(0.0f, 1.0f);  // floats, so that the library starts from the same
  rows result(static_cast<std::size_t>(count), vector(static_cast<std::size_t>(size)));
  for (auto& row : result)
    for (double& x : row) x = static_cast<double>(normal(draw));
  return result;
}

inline double dot(const vector& a, const vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// epsilon: what is added to the sum of the weights, relative to the largest.
inline vector softmax(vector scores, double epsilon = 0) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double s : scores) largest = std::max(largest, s);
  for (double& s : scores) sum += s = std::exp(s - largest);
  for (double& s : scores) s /= sum + epsilon;
  return scores;
}

/// Mean over rows of minus the logarithm of the probability that logits give to the row's target.
inline double cross_entropy(const rows& logits, const std::vector<int>& targets) {
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    sum -= std::log(softmax(logits[i])[static_cast<std::size_t>(targets[i])]);
  return sum / static_cast<double>(logits.size());
}

/// Turned by rotary angles place * base^(-2i/d); pairs are neighbours, or a half apart.
inline vector rotated(const vector& x, double place, bool interleaved, double base = 10000.0) {
  const auto d = x.size();
  vector result(d);
  for (std::size_t i = 0; i < d / 2; ++i) {
    const double angle = place * std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(d));
    const std::size_t a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + d / 2;
    result[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
    result[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
  }
  return result;
}

/// Numbers [head * size, (head + 1) * size) of a row.
inline vector head_of(const vector& row, int head, int size) {
  return {row.begin() + head * size, row.begin() + (head + 1) * size};
}

/// Columns [first, first + count).
inline rows columns_of(const rows& x, int first, int count) {
  rows result;
  for (const auto& row : x) result.emplace_back(row.begin() + first, row.begin() + first + count);
  return result;
}

inline vector flat(const rows& x) {
  vector result;
  for (const auto& row : x) result.insert(result.end(), row.begin(), row.end());
  return result;
}

/// f of each number.
template <class F>
rows each(rows x, const F& f) {
  for (auto& row : x)
    for (double& number : row) number = f(number);
  return x;
}

inline rows added(rows x, const rows& y) {
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c) x[i][c] += y[i][c];
  return x;
}

inline rows picked(const rows& x, const std::vector<int>& which) {
  rows result;
  for (const int i : which) result.push_back(i < 0 ? vector(x[0].size()) : x[static_cast<std::size_t>(i)]);
  return result;
}

inline void append(rows& x, const rows& y) { x.insert(x.end(), y.begin(), y.end()); }

inline double gelu_of(double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }
inline double gelu_tanh_of(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

/// Attention of rows over rows whose heads lie side by side. score(dot, head, i, j): NaN where i does not see
/// j. A row that sees nothing is 0.
inline rows attended(const rows& q, const rows& k, const rows& v, int heads, int key_heads,
                     const std::function<double(double, int, int, int)>& score, double epsilon = 0) {
  rows result;
  for (std::size_t i = 0; i < q.size(); ++i) {
    vector row;
    for (int head = 0; head < heads; ++head) {
      const int key_head = head * key_heads / heads;
      const int size = static_cast<int>(q[i].size()) / heads;
      const auto value_size =
          v.empty() ? std::size_t(size) : v[0].size() / static_cast<std::size_t>(key_heads);
      const vector query = head_of(q[i], head, size);
      std::vector<std::size_t> seen;
      vector scores;
      for (std::size_t j = 0; j < k.size(); ++j) {
        const double s =
            score(dot(query, head_of(k[j], key_head, size)), head, static_cast<int>(i), static_cast<int>(j));
        if (std::isnan(s)) continue;
        seen.push_back(j);
        scores.push_back(s);
      }
      const vector p = softmax(scores, epsilon);
      for (std::size_t c = 0; c < value_size; ++c) {
        double sum = 0;
        for (std::size_t n = 0; n < seen.size(); ++n)
          sum += p[n] * v[seen[n]][static_cast<std::size_t>(key_head) * value_size + c];
        row.push_back(sum);
      }
    }
    result.push_back(row);
  }
  return result;
}

/// Attention of every `count` rows among themselves; a row is its queries, its keys and its values.
inline rows self_attended(const rows& qkv, int count, int heads,
                          const std::function<double(double, int, int, int)>& score) {
  const int width = static_cast<int>(qkv[0].size()) / 3;
  rows result;
  for (auto first = qkv.begin(); first != qkv.end(); first += count) {
    const rows part(first, first + count);
    const rows own = attended(columns_of(part, 0, width), columns_of(part, width, width),
                              columns_of(part, 2 * width, width), heads, heads, score);
    result.insert(result.end(), own.begin(), own.end());
  }
  return result;
}

/// Every head's part of each row turned: turn(part, row).
template <class F>
rows turned_heads(const rows& x, int heads, const F& turn) {
  rows result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const int size = static_cast<int>(x[i].size()) / heads;
    vector row;
    for (int head = 0; head < heads; ++head) {
      const vector part = turn(head_of(x[i], head, size), static_cast<int>(i));
      row.insert(row.end(), part.begin(), part.end());
    }
    result.push_back(row);
  }
  return result;
}

/// Weights and biases of a norm over `size` columns, as floats for the library.
struct norm_weights {
  std::vector<float> weight, bias;

  norm_weights(std::mt19937_64& draw, int size)
      : weight(random_tensor<float>(draw, 0.3f, size).data),
        bias(random_tensor<float>(draw, 0.3f, size).data) {
    for (float& w : weight) w += 1.0f;
  }
};

inline vector layer_normed(const vector& x, const norm_weights& by, double epsilon, bool biased = true) {
  double mean = 0, variance = 0;
  const double n = static_cast<double>(x.size());
  for (double number : x) mean += number / n;
  for (double number : x) variance += (number - mean) * (number - mean) / n;
  vector result;
  for (std::size_t c = 0; c < x.size(); ++c)
    result.push_back((x[c] - mean) / std::sqrt(variance + epsilon) * static_cast<double>(by.weight[c]) +
                     (biased ? static_cast<double>(by.bias[c]) : 0.0));
  return result;
}
inline vector rms_normed(const vector& x, const std::vector<float>& weight, double epsilon) {
  const double factor = 1 / std::sqrt(dot(x, x) / static_cast<double>(x.size()) + epsilon);
  vector result;
  for (std::size_t c = 0; c < x.size(); ++c) result.push_back(x[c] * factor * static_cast<double>(weight[c]));
  return result;
}
inline rows layer_normed(const rows& x, const norm_weights& by, double epsilon, bool biased = true) {
  rows result;
  for (const auto& row : x) result.push_back(layer_normed(row, by, epsilon, biased));
  return result;
}
inline rows rms_normed(const rows& x, const norm_weights& by, double epsilon) {
  rows result;
  for (const auto& row : x) result.push_back(rms_normed(row, by.weight, epsilon));
  return result;
}

/// What a batch norm gathered while it learned.
struct batch_statistics {
  std::vector<float> mean, variance;

  batch_statistics(std::mt19937_64& draw, int size)
      : mean(random_tensor<float>(draw, 1.0f, size).data),
        variance(random_tensor<float>(draw, 0.3f, size).data) {
    for (float& x : variance) x = 0.5f + std::abs(x);
  }
};
inline rows batch_normed(rows x, const norm_weights& by, const batch_statistics& of, double epsilon) {
  for (auto& row : x)
    for (std::size_t c = 0; c < row.size(); ++c)
      row[c] = (row[c] - static_cast<double>(of.mean[c])) /
                   std::sqrt(static_cast<double>(of.variance[c]) + epsilon) *
                   static_cast<double>(by.weight[c]) +
               static_cast<double>(by.bias[c]);
  return x;
}

/// A linear layer of floats.
using dense = random_weights<bl::format::dense<float>>;

template <class Format>
rows linear(const random_weights<Format>& by, const rows& x, bool biased) {
  rows result;
  for (const auto& row : x) result.push_back(by.times(row, biased));
  return result;
}

/// The norms and matrices of a block: attention, then a feed-forward.
struct block_weights {
  norm_weights before_attention, before_feed;  ///< in a post-norm block: behind them
  dense qkv, out, up, down;

  block_weights(std::mt19937_64& draw, int width, int hidden)
      : before_attention(draw, width),
        before_feed(draw, width),
        qkv(draw, 3 * width, width),
        out(draw, width, width),
        up(draw, hidden, width),
        down(draw, width, hidden) {}
};

/// A pre-norm block: x += out attend(norm(x)); x += down activation(up norm(x)).
template <class Normed, class Attend, class Activation>
rows block(rows x, const block_weights& by, const Normed& normed, const Attend& attend,
           const Activation& activation) {
  x = added(x, linear(by.out, attend(normed(x, by.before_attention)), true));
  return added(x, linear(by.down, each(linear(by.up, normed(x, by.before_feed), true), activation), true));
}

/// A post-norm block: x = norm(x + out attend(x)); x = norm(x + down activation(up x)).
template <class Normed, class Attend, class Activation>
rows post_norm_block(rows x, const block_weights& by, const Normed& normed, const Attend& attend,
                     const Activation& activation) {
  x = normed(added(x, linear(by.out, attend(x), true)), by.before_attention);
  return normed(added(x, linear(by.down, each(linear(by.up, x, true), activation), true)), by.before_feed);
}

}  // namespace test
