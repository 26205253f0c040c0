// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/prepare/norm: each head's row of queries and of keys is normed before it turns, so that logits do
// not grow (query-key normalisation: Henry et al., arXiv 2010.04245; Dehghani et al., ViT-22B, arXiv
// 2302.05442).
//
// A policy that prepares rows gathers a state over the numbers of a row, in any order and in parts, and then
// gives each number anew:
//
//   state<Real>; add(state&, Real x); merge(state&, const state&)
//   Real query(const state&, Real x, int query_head, int dimension)
//   Real key(const state&, Real x, int key_head, int dimension)
//
// Every backend prepares queries and keys once before the attention, in one pass with the turning. Queries and
// keys of a cache (attend_cached) are prepared already; host/prepare.hpp does that.

#include "byteloom/attend/normed.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::prepare {

/// `Norm` is norm::rms (layer norm without centring), norm::layer or norm::l2. Weights and biases are [size],
/// shared by heads, those of queries and keys apart; without data: none.
template <class Norm, memory Where = memory::host>
struct norm {
  using axis = axis::prepare;
  static_assert(byteloom::detail::row_norm<Norm>,
                "byteloom: prepare::norm takes a norm of rows, such as norm::rms of compose/norm.hpp, as its "
                "first argument.");
  static constexpr memory where = Where;
  template <memory Other>
  using in = norm<Norm, Other>;
  using weights = view<const float, 1, Where>;
  template <class Real>
  using state = typename Norm::template state<Real>;

  Norm rule;
  weights query_weight, key_weight, query_bias, key_bias;

  constexpr explicit norm(const Norm& by = {}) : norm(by, {}, {}) {}
  constexpr norm(const Norm& by, weights of_queries, weights of_keys, weights bias_of_queries = {},
                 weights bias_of_keys = {})
      : rule(by),
        query_weight(of_queries),
        key_weight(of_keys),
        query_bias(bias_of_queries),
        key_bias(bias_of_keys) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto a = f(query_weight), b = f(key_weight), c = f(query_bias), d = f(key_bias);
    return in<Other>(rule, a, b, c, d);
  }

  void validate() const {
    if constexpr (requires { rule.validate(); }) rule.validate();
  }

  void fits(const call_extents& call) const {
    for (const weights& own : {query_weight, key_weight, query_bias, key_bias})
      if (own.data != nullptr)
        byteloom::detail::require_fit("prepare::norm", "dimensions a head", own.extent[0], call.size);
  }

  template <class Real>
  BYTELOOM_HD void add(state<Real>& row, Real x) const {
    rule.add(row, x);
  }
  template <class State>
  BYTELOOM_HD void merge(State& into, const State& other) const {
    rule.merge(into, other);
  }
  template <class State, class Real>
  BYTELOOM_HD Real query(const State& row, Real x, int, int dimension) const {
    return byteloom::detail::normed_number(rule, row, x, query_weight, query_bias, dimension);
  }
  template <class State, class Real>
  BYTELOOM_HD Real key(const State& row, Real x, int, int dimension) const {
    return byteloom::detail::normed_number(rule, row, x, key_weight, key_bias, dimension);
  }
};

}  // namespace byteloom::inline v0::prepare
