// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/stage: one fused step of a model around one matrix: rows come from a source, pass a norm, are
// multiplied with weights, and an epilogue takes the results. A stage is a plain value that both backends run
// (host/stage.hpp, cuda/stage.cuh); the hooks of its parts are the only definition of what is fused.
//
// Outputs are computed in pairs of columns, because what follows often joins two of them: the two dimensions
// that a rotation turns, or a gate and what it gates. An epilogue says which columns form a pair.

#include "byteloom/compose/norm.hpp"
#include "byteloom/compose/source.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/quantize/linear.hpp"

namespace byteloom::inline v0 {

/// Two output columns that are computed together; `second` is -1 where a pair has one column only.
struct column_pair {
  index first;
  index second;
};

/// A norm with its weights; null pointers where the norm has none.
template <class Norm>
struct normed {
  Norm norm{};
  const float* weight = nullptr;  ///< one number a column
  const float* bias = nullptr;

  /// One column of a row whose state gave `affine`.
  template <class Real>
  BYTELOOM_HD Real apply(norm::affine<Real> row, Real x, index column) const {
    Real y = (x - row.center) * row.factor;
    if constexpr (Norm::has_weight) y *= static_cast<Real>(weight[column]);
    if constexpr (Norm::has_bias) y += static_cast<Real>(bias[column]);
    return y;
  }
};

/// See the head of this file. `rows` is the number of rows; their length is weights.columns.
template <class Source, class Norm, class Format, memory Where, class Epilogue>
struct stage {
  static constexpr memory where = Where;
  using norm_type = Norm;

  Source source;
  normed<Norm> norm;
  byteloom::weights<Format, Where> weights;
  Epilogue epilogue;
  index rows;

  BYTELOOM_HD index pairs() const { return epilogue.pairs(weights.rows); }

  /// Hands the products of row `row` with the two columns of `pair` to the epilogue.
  BYTELOOM_HD void finish(index row, index pair, column_pair columns, float first, float second) const {
    if (weights.bias != nullptr) {
      first += weights.bias[columns.first];
      if (columns.second >= 0) second += weights.bias[columns.second];
    }
    epilogue.store(row, pair, columns, first, second);
  }
};

template <class Source, class Norm, class Format, memory Where, class Epilogue>
stage(Source, normed<Norm>, weights<Format, Where>, Epilogue, index)
    -> stage<Source, Norm, Format, Where, Epilogue>;

}  // namespace byteloom::inline v0
