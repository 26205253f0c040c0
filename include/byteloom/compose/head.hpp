// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/head: the end of a model: a norm and one matrix from the width of the model to its outputs.

#include <type_traits>

#include "byteloom/compose/norm.hpp"
#include "byteloom/compose/stage.hpp"
#include "byteloom/quantize/linear.hpp"

namespace byteloom::inline v0::head {

/// For every position, one number for each token of the vocabulary: how likely it comes next (before
/// softmax).
template <class Norm, class Linear>
struct logits {
  using norm_type = Norm;
  using linear_type = Linear;
  static constexpr bool per_token = true;
  Norm norm{};
};

/// For a whole sequence, one number for each class: the mean over its positions passes the norm and the
/// matrix.
template <class Norm, class Linear>
struct classes {
  using norm_type = Norm;
  using linear_type = Linear;
  static constexpr bool per_token = false;
  Norm norm{};
};

}  // namespace byteloom::inline v0::head

namespace byteloom::inline v0 {

template <class Head, memory Where>
struct head_weights {
  normed<typename Head::norm_type> norm;
  typename Head::linear_type::template weights<Where> matrix;
};

}  // namespace byteloom::inline v0
