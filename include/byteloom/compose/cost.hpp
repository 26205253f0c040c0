// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/cost: what a decoder costs at a length of context, in memory and in operations, so that numbers of
// heads can be chosen before anything is trained (Chen et al., Cost-Optimal Grouped-Query Attention, arXiv
// 2503.09579). Long contexts want few heads and a larger model.

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// A decoder as its costs see it; its width has no say in them.
struct decoder_shape {
  double parameters;
  int layers;
  int head_size;
  int query_heads;
  int key_heads;  ///< divides query_heads

  /// Numbers of keys and values that a cache keeps for each position.
  constexpr double cached_numbers() const { return 2.0 * layers * head_size * key_heads; }

  /// Numbers in memory at a context of `length` positions: the weights and the cache of one sequence.
  constexpr double memory_at(double length) const { return parameters + length * cached_numbers(); }

  /// Floating-point operations for a token behind `length` positions.
  constexpr double operations_at(double length) const {
    return 2.0 * parameters + 4.0 * length * layers * head_size * query_heads;
  }
};

/// How the loss of a model falls with its parameters, other things equal: loss = factor *
/// parameters^-exponent.
struct loss_curve {
  double factor;
  double exponent;

  double loss(double parameters) const { return factor * std::pow(parameters, -exponent); }
  double parameters_for(double target) const { return std::pow(factor / target, 1 / exponent); }
};

/// The curve through measured losses of models of several sizes with the same heads, by least squares of the
/// logarithms. Throws argument_error for less than two sizes.
inline loss_curve fit_loss(std::span<const double> parameters, std::span<const double> losses) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(parameters.size());
  for (std::size_t i = 0; i < parameters.size() && i < losses.size(); ++i) {
    const double a = std::log(parameters[i]), b = std::log(losses[i]);
    x += a;
    y += b;
    xx += a * a;
    xy += a * b;
  }
  const double spread = n * xx - x * x;
  if (parameters.size() != losses.size() || !(spread > 0))
    throw argument_error("fit_loss: " + std::to_string(parameters.size()) + " sizes and " +
                         std::to_string(losses.size()) +
                         " losses draw no curve; give a loss for each of two different sizes or more.");
  const double slope = (n * xy - x * y) / spread;
  return {std::exp((y - slope * x) / n), -slope};
}

/// The cheapest of some numbers of heads that reaches a loss at a length of context: `cost` of the shape,
/// made as large as its curve asks, is least. Returns its place, and -1 where there are none.
template <class Cost>
int cheapest(std::span<const decoder_shape> shapes, std::span<const loss_curve> curves, double target,
             const Cost& cost) {
  int best = -1;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < shapes.size() && i < curves.size(); ++i) {
    decoder_shape grown = shapes[i];
    grown.parameters = curves[i].parameters_for(target);
    const double own = cost(grown);
    if (own < least) {
      least = own;
      best = static_cast<int>(i);
    }
  }
  return best;
}

}  // namespace byteloom::inline v0
