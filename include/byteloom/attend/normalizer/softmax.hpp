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
//
// It may also offer:
// - log_sum(state, row): the natural logarithm of what the weights were divided by, relative to score 0;
//   minus infinity for a row without keys. maximum(state): the row's largest score. Observers ask for them.
// - row_scale<Real>(row, count): a factor of every score of the row that the masks keep, after the score
//   policies; count is how many keys they keep. Minus infinity stays minus infinity.
// - `passes = 2` and second(state, row, score): the final weight of a score, once the state has seen the
//   whole row; the output's factor is then 1. Or second(state, site, count, score), for one whose weights
//   depend on the key's place and on how many keys the masks keep; minus infinity must get 0.
// - `rescales = false`: raise always returns 1.
// - raise(state, block_maximum, unit), weight(state, score, unit) and settle(state, unit): the same where the
//   true score is score * unit, unit > 0, and the state keeps its maximum in multiples of the unit until
//   settle makes it a true score. It leaves one fused multiply-add and one exp2 a score.
// - `at_most_one = true`: weight never exceeds 1. Kernels that round weights to 8 bits ask for it; and for
//   weight(state, score, unit, lift), which is the weight times 2^lift at no cost.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::normalizer {

/// What both sides of a merge are multiplied by.
template <class Real>
struct factors {
  Real left;
  Real right;
};

struct softmax {
  using axis = axis::normalizer;
  static constexpr int passes = 1;
  static constexpr bool rescales = true;
  static constexpr bool at_most_one = true;

  template <class Real>
  struct state {
    Real maximum = -math::infinity<Real>;
    Real sum = 0;
  };

  template <class Real>
  BYTELOOM_HD Real raise(state<Real>& own, Real block_maximum) const {
    if (!(block_maximum > own.maximum)) return Real(1);
    const Real factor = weight(own.maximum, block_maximum);
    own.maximum = block_maximum;
    own.sum *= factor;
    return factor;
  }

  template <class Real>
  BYTELOOM_HD Real raise(state<Real>& own, Real block_maximum, Real unit) const {
    if (!(block_maximum > own.maximum)) return Real(1);
    const Real scale = unit * math::log2_e<Real>;
    const Real factor = math::exp2(own.maximum * scale - block_maximum * scale);
    own.maximum = block_maximum;
    own.sum *= factor;
    return factor;
  }

  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>& own, Real score) const {
    return weight(score, own.maximum);
  }

  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>& own, Real score, Real unit) const {
    return weight(own, score, unit, Real(0));
  }

  template <class Real>
  BYTELOOM_HD Real weight(const state<Real>& own, Real score, Real unit, Real lift) const {
    const Real scale = unit * math::log2_e<Real>;
    // of a row without keys yet: minus infinity less 0 keeps its weight 0
    const Real base = own.maximum == -math::infinity<Real> ? Real(0) : own.maximum * scale;
    return math::exp2(score * scale - (base - lift));
  }

  template <class Real>
  BYTELOOM_HD void settle(state<Real>& own, Real unit) const {
    own.maximum *= unit;
  }

  template <class Real>
  BYTELOOM_HD void add(state<Real>& own, Real weights) const {
    own.sum += weights;
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
  BYTELOOM_HD Real finish(const state<Real>& own, row) const {
    return own.sum == Real(0) ? Real(0) : math::divide(Real(1), own.sum);  // NaN stays NaN
  }

  template <class Real>
  BYTELOOM_HD Real log_sum(const state<Real>& own, row) const {
    return own.sum == Real(0) ? -math::infinity<Real> : own.maximum + math::log(own.sum);
  }

  template <class Real>
  BYTELOOM_HD Real maximum(const state<Real>& own) const {
    return own.maximum;
  }

 protected:
  /// finish where exp(extra) joins the sum; both are taken relative to the larger of maximum and extra, so
  /// that neither overflows.
  template <class Real>
  BYTELOOM_HD static Real finish_with(const state<Real>& own, Real extra) {
    if (own.sum == Real(0)) return Real(0);
    const Real base = math::max(own.maximum, extra);
    const Real factor = weight(own.maximum, base);
    return math::divide(factor, own.sum * factor + weight(extra, base));
  }

  /// log_sum where exp(extra) joins the sum.
  template <class Real>
  BYTELOOM_HD static Real log_sum_with(const state<Real>& own, Real extra) {
    if (own.sum == Real(0)) return -math::infinity<Real>;
    const Real base = math::max(own.maximum, extra);
    return base + math::log(own.sum * weight(own.maximum, base) + weight(extra, base));
  }

 private:
  /// exp(score - maximum); minus infinity stands for "no key" and gives zero. NaN stays NaN.
  template <class Real>
  BYTELOOM_HD static Real weight(Real score, Real maximum) {
    return score == -math::infinity<Real> ? Real(0) : math::exp2((score - maximum) * math::log2_e<Real>);
  }
};

}  // namespace byteloom::inline v0::normalizer
