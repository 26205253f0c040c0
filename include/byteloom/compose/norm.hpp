// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/norm: what happens to a row of activations before a linear layer reads it. A norm gathers a state
// over the row (in any order and in parts, which merge joins) and turns it into a center and a factor:
//
//   normed = (x - center) * factor * weight + bias
//
// The difference comes first, since center * factor taken off later would leave its rounding behind wherever
// compilers fuse multiplication and addition.

#include <cmath>
#include <concepts>
#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::norm {

template <class Real>
struct affine {
  Real center;
  Real factor;
};

/// What a type has to offer to stand where a norm stands: the two constants and, for a row in float, a state
/// that starts as that of no number, add, merge and finish.
template <class Norm>
concept policy = requires(const Norm norm, typename Norm::template state<float> row) {
  { Norm::has_weight } -> std::convertible_to<bool>;
  { Norm::has_bias } -> std::convertible_to<bool>;
  norm.add(row, 0.0f);
  norm.merge(row, row);
  { norm.finish(row) } -> std::same_as<affine<float>>;
};

namespace detail {

inline void require_epsilon(const char* name, float epsilon) {
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    throw argument_error(std::string(name) + ": an epsilon of " + std::to_string(epsilon) +
                         " is added to a mean of squares; give a finite number, 0 or more (1e-5 is usual).");
}

}  // namespace detail

/// Root mean square norm (Zhang and Sennrich, arXiv 1910.07467): x / sqrt(mean(x^2) + epsilon). Has weights,
/// no bias.
struct rms {
  static constexpr bool has_weight = true;
  static constexpr bool has_bias = false;
  float epsilon = 1e-5f;

  void validate() const { detail::require_epsilon("norm::rms", epsilon); }

  template <class Real>
  struct state {
    Real count = 0;
    Real squares = 0;
  };
  template <class Real>
  BYTELOOM_HD static void add(state<Real>& row, Real x) {
    row.count += 1;
    row.squares += x * x;
  }
  template <class Real>
  BYTELOOM_HD static void merge(state<Real>& into, const state<Real>& other) {
    into.count += other.count;
    into.squares += other.squares;
  }
  template <class Real>
  BYTELOOM_HD affine<Real> finish(const state<Real>& row) const {
    return {Real(0), math::rsqrt(math::divide(row.squares, row.count) + static_cast<Real>(epsilon))};
  }
};

/// Layer norm (Ba et al., arXiv 1607.06450): (x - mean) / sqrt(variance + epsilon), variance over n. Has
/// weights and bias. Mean and variance are gathered by Welford's and Chan's updates, which lose nothing to a
/// large mean.
struct layer {
  static constexpr bool has_weight = true;
  static constexpr bool has_bias = true;
  float epsilon = 1e-5f;

  void validate() const { detail::require_epsilon("norm::layer", epsilon); }

  template <class Real>
  struct state {
    Real count = 0;
    Real mean = 0;
    Real squares = 0;  ///< of the distances from the mean
  };
  template <class Real>
  BYTELOOM_HD static void add(state<Real>& row, Real x) {
    row.count += 1;
    const Real distance = x - row.mean;
    row.mean +=
        distance / row.count;  // exact where it can be: an error here is all that a constant row would show
    row.squares += distance * (x - row.mean);
  }
  template <class Real>
  BYTELOOM_HD static void merge(state<Real>& into, const state<Real>& other) {
    const Real count = into.count + other.count;
    if (count == Real(0)) return;
    const Real distance = other.mean - into.mean;
    into.mean += distance * (other.count / count);
    into.squares += other.squares + distance * distance * math::divide(into.count * other.count, count);
    into.count = count;
  }
  template <class Real>
  BYTELOOM_HD affine<Real> finish(const state<Real>& row) const {
    return {row.mean, math::rsqrt(math::divide(row.squares, row.count) + static_cast<Real>(epsilon))};
  }
};

/// Unit length: x / sqrt(sum(x^2) + epsilon). Has neither weights nor bias.
struct l2 {
  static constexpr bool has_weight = false;
  static constexpr bool has_bias = false;
  float epsilon = 1e-12f;

  void validate() const { detail::require_epsilon("norm::l2", epsilon); }

  template <class Real>
  struct state {
    Real squares = 0;
  };
  template <class Real>
  BYTELOOM_HD static void add(state<Real>& row, Real x) {
    row.squares += x * x;
  }
  template <class Real>
  BYTELOOM_HD static void merge(state<Real>& into, const state<Real>& other) {
    into.squares += other.squares;
  }
  template <class Real>
  BYTELOOM_HD affine<Real> finish(const state<Real>& row) const {
    return {Real(0), math::rsqrt(row.squares + static_cast<Real>(epsilon))};
  }
};

/// No norm: the row as it is.
struct none {
  static constexpr bool has_weight = false;
  static constexpr bool has_bias = false;

  template <class Real>
  struct state {};
  template <class Real>
  BYTELOOM_HD static void add(state<Real>&, Real) {}
  template <class Real>
  BYTELOOM_HD static void merge(state<Real>&, const state<Real>&) {}
  template <class Real>
  BYTELOOM_HD affine<Real> finish(const state<Real>&) const {
    return {Real(0), Real(1)};
  }
};

/// A weight and a bias for each column, and nothing of the row: batch norm (Ioffe and Szegedy, arXiv
/// 1502.03167) once its statistics are known. fold_batch makes the weights.
struct batch : none {
  static constexpr bool has_weight = true;
  static constexpr bool has_bias = true;
};

/// Turns a batch norm's weight and bias [column] in place into those of norm::batch: y = (x - mean) /
/// sqrt(variance + epsilon) * weight + bias becomes x * weight + bias.
inline void fold_batch(const host_view<const float, 1>& mean, const host_view<const float, 1>& variance,
                       float epsilon, const host_view<float, 1>& weight, const host_view<float, 1>& bias) {
  for (index c = 0; c < weight.extent[0]; ++c) {
    weight(c) /= std::sqrt(variance(c) + epsilon);
    bias(c) -= mean(c) * weight(c);
  }
}

}  // namespace byteloom::inline v0::norm
