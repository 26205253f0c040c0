// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normed: one number of a row that a norm has seen, for the policies that norm rows inside attention:
// those of queries and keys (prepare::norm) and those of the output (output::norm). The norm is one of
// compose/norm.hpp, or a type with the same members.

#include <concepts>

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::detail {

/// A norm gathers a state over a row and turns it into a center and a factor.
template <class Norm>
concept row_norm = requires(const Norm norm, typename Norm::template state<float> row) {
  norm.add(row, 0.0f);
  norm.merge(row, row);
  { norm.finish(row).center } -> std::convertible_to<float>;
  { norm.finish(row).factor } -> std::convertible_to<float>;
};

/// (x - center) * factor * weight + bias; a view without data is left out.
template <class Norm, class State, class Real, memory Where>
BYTELOOM_HD Real normed_number(const Norm& norm, const State& row, Real x,
                               const view<const float, 1, Where>& weight,
                               const view<const float, 1, Where>& bias, int dimension) {
  const auto by = norm.finish(row);
  Real result = (x - by.center) * by.factor;
  if (weight.data != nullptr) result *= static_cast<Real>(weight(dimension));
  if (bias.data != nullptr) result += static_cast<Real>(bias(dimension));
  return result;
}

}  // namespace byteloom::inline v0::detail
