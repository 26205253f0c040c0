// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/softmax: weights that are positive and sum to one, computed in one pass over the keys
// with a running maximum (Milakov and Gimelshein, arXiv 1805.02867).
//
// A normalizer is a state per row and the functions that a backend calls on it, in this order for each block
// of keys: raise with the block's largest score (its result rescales what was gathered so far), weight for
// each score (a dropped one is minus infinity and must get 0), add with the weights' sum; at the end of the
// row, finish gives the factor of the output. merge joins two states of one row and gives the factors of both
// sides as .left and .right. A new state is that of no key. A row that keeps no key has output zero; NaN in a
// kept score makes the row NaN.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::normalizer {

struct softmax {
  using axis = axis::normalizer;
  static constexpr bool rescales = true;

  template <class Real>
  struct state {
    Real maximum = -math::infinity<Real>;
    Real sum = 0;
  };

  template <class Real>
  struct factors {
    Real left;
    Real right;
  };

  template <class Real>
  BYTELOOM_HD Real raise(state<Real>& row, Real block_maximum) const {
    if (!(block_maximum > row.maximum)) return Real(1);
    const Real factor = weight(row.maximum, block_maximum);
    row.maximum = block_maximum;
    row.sum *= factor;
    return factor;
  }

  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>& row, Real score) const {
    return weight(score, row.maximum);
  }

  /// The same in multiples of `unit` (above 0): the true score is score * unit, so that a constant scale costs nothing beside
  /// the exponent's own. settle() brings the state to true scores.
  template <class Real>
  BYTELOOM_HD Real raise(state<Real>& row, Real block_maximum, Real unit) const {
    if (!(block_maximum > row.maximum)) return Real(1);
    const Real factor = math::exp2((row.maximum - block_maximum) * (unit * math::log2_e<Real>));
    row.maximum = block_maximum;
    row.sum *= factor;
    return factor;
  }
  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>& row, Real score, Real unit) const {
    const Real exponent = unit * math::log2_e<Real>;
    const Real shift = row.maximum == -math::infinity<Real> ? Real(0) : row.maximum * exponent;
    return math::exp2(score * exponent - shift);  // of minus infinity: 0
  }
  template <class Real>
  BYTELOOM_HD void settle(state<Real>& row, Real unit) const {
    row.maximum *= unit;
  }

  template <class Real>
  BYTELOOM_HD void add(state<Real>& row, Real weights) const {
    row.sum += weights;
  }

  template <class Real>
  BYTELOOM_HD factors<Real> merge(state<Real>& into, const state<Real>& other) const {
    const Real maximum = math::max(into.maximum, other.maximum);
    const factors<Real> result{weight(into.maximum, maximum), weight(other.maximum, maximum)};
    into.sum = into.sum * result.left + other.sum * result.right;
    into.maximum = maximum;
    return result;
  }

  template <class Real>
  BYTELOOM_HD Real finish(const state<Real>& row, byteloom::row = {}) const {
    return row.sum == Real(0) ? Real(0) : math::divide(Real(1), row.sum);  // NaN stays NaN
  }

 private:
  /// exp(score - maximum); minus infinity stands for "no key" and gives zero. NaN stays NaN.
  template <class Real>
  BYTELOOM_HD static Real weight(Real score, Real maximum) {
    return score == -math::infinity<Real> ? Real(0) : math::exp2((score - maximum) * math::log2_e<Real>);
  }
};

}  // namespace byteloom::inline v0::normalizer
