// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/feed: the feed-forward half of a block: down(hidden(x)). What `hidden` is, a policy says.

#include "byteloom/compose/activation.hpp"
#include "byteloom/compose/epilogue.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::feed {

/// hidden = activation(gate(x)) * up(x), gate and up being the halves of one matrix (Shazeer, arXiv
/// 2002.05202).
template <class Activation>
struct gated {
  /// How many rows the first matrix has for each hidden number.
  static constexpr index rows_of_hidden = 2;
  static constexpr const char* matrix = "gate_up";

  template <memory Where>
  static constexpr epilogue::gated<Activation, Where> into(view<float, 2, Where> hidden) {
    return {hidden, {}};
  }
};

/// hidden = activation(up(x)).
template <class Activation>
struct plain {
  static constexpr index rows_of_hidden = 1;
  static constexpr const char* matrix = "up";

  template <memory Where>
  static constexpr epilogue::plain<Activation, Where> into(view<float, 2, Where> hidden) {
    return {hidden, {}, {}};
  }
};

using swiglu = gated<activation::silu>;
using geglu = gated<activation::gelu>;
using gelu = plain<activation::gelu>;
using gelu_tanh = plain<activation::gelu_tanh>;
using geglu_tanh = gated<activation::gelu_tanh>;
using relu = plain<activation::relu>;

}  // namespace byteloom::inline v0::feed
