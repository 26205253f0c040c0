// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/sample: draws tokens on the host.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/sample/chain.hpp"
#include "byteloom/sample/shapes.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {
namespace host::detail {

/// The candidates of one row; minus infinity stands for a dropped one.
class candidates {
 public:
  explicit candidates(std::vector<float> logits) : logits_(std::move(logits)) {}

  const std::vector<float>& logits() const { return logits_; }

  /// NaN and plus infinity have no softmax.
  bool any_unusable() const {
    return std::any_of(logits_.begin(), logits_.end(), [](float x) { return !(x < math::infinity<float>); });
  }

  void scale(float factor) {
    for (float& x : logits_) x *= factor;
  }

  template <class F>
  void transform(const F& f) {
    for (std::size_t id = 0; id < logits_.size(); ++id)
      if (logits_[id] > dropped) logits_[id] = f(static_cast<token>(id), logits_[id]);
  }

  void keep_largest(int count) { keep_first(static_cast<std::size_t>(std::max(count, 0)), in_order()); }

  void keep_mass(float mass) {
    if (logits_.empty()) return;
    const std::vector<std::size_t> order = in_order();
    const double largest = static_cast<double>(logits_[order[0]]);
    double total = 0;
    for (const float x : logits_) total += std::exp(static_cast<double>(x) - largest);
    double reached = 0;
    std::size_t count = 0;
    while (count < order.size() && reached < static_cast<double>(mass) * total)
      reached += std::exp(static_cast<double>(logits_[order[count++]]) - largest);
    keep_first(std::max<std::size_t>(count, 1), order);
  }

 private:
  static constexpr float dropped = -math::infinity<float>;

  /// Ids from the most to the least likely, equals by id.
  std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> order(logits_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return logits_[a] > logits_[b]; });
    return order;
  }

  void keep_first(std::size_t count, const std::vector<std::size_t>& order) {
    for (std::size_t i = count; i < order.size(); ++i) logits_[order[i]] = dropped;
  }

  std::vector<float> logits_;
};

}  // namespace host::detail

/// Draws a token for each row of logits [rows, vocabulary] into out[row]: the same for the same logits,
/// sampler, seed and position on every backend, but for ties within rounding. A row with NaN or plus
/// infinity, which has no softmax, or without any candidate gives -1. Throws argument_error where the
/// sampler's settings mean nothing, shape_error where positions or out have not one place a row.
template <class... Steps>
void draw(host::executor, const sample::chain<Steps...>& how, host_view<const float, 2> logits,
          std::uint64_t seed, host_view<const int, 1> positions, host_view<token, 1> out) {
  how.validate();
  sample::detail::require_rows(logits.extent[0], positions.extent[0], out.extent[0]);
  for (index row = 0; row < logits.extent[0]; ++row) {
    std::vector<float> own(static_cast<std::size_t>(logits.extent[1]));
    for (index id = 0; id < logits.extent[1]; ++id) own[static_cast<std::size_t>(id)] = logits(row, id);
    out(row) = -1;
    host::detail::candidates candidates(std::move(own));
    if (candidates.any_unusable()) continue;
    how(candidates);
    if (candidates.any_unusable()) continue;  // a step's doing
    float best = -math::infinity<float>;
    for (std::size_t id = 0; id < candidates.logits().size(); ++id) {
      if (!(candidates.logits()[id] > -math::infinity<float>)) continue;
      const float raced = sample::race(candidates.logits()[id], seed,
                                       static_cast<std::uint64_t>(positions(row)), static_cast<token>(id));
      if (out(row) < 0 || raced > best) {
        best = raced;
        out(row) = static_cast<token>(id);
      }
    }
  }
}

}  // namespace byteloom::inline v0
