// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/output/norm: each head's row of the output is normed (Differential Transformer, arXiv 2410.05258).

#include <cmath>
#include <string>

#include "byteloom/attend/normed.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::output {

/// As output::gate says, with a state of the row. `Norm` is one of compose/norm.hpp; `weight` and `bias`
/// [value size] are shared by heads, without data: none. All is multiplied by `factor`.
template <class Norm, memory Where = memory::host>
struct norm {
  using axis = axis::output;
  static_assert(byteloom::detail::row_norm<Norm>,
                "byteloom: output::norm takes a norm of rows, such as norm::rms of compose/norm.hpp, as its "
                "first argument.");
  static constexpr memory where = Where;
  template <memory Other>
  using in = norm<Norm, Other>;
  using weights = view<const float, 1, Where>;
  template <class Real>
  using state = typename Norm::template state<Real>;

  Norm rule;
  float factor;
  weights weight, bias;

  constexpr explicit norm(const Norm& by = {}, float times = 1.0f, weights of_values = {},
                          weights bias_of_values = {})
      : rule(by), factor(times), weight(of_values), bias(bias_of_values) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto a = f(weight), b = f(bias);
    return in<Other>(rule, factor, a, b);
  }

  void validate() const {
    if constexpr (requires { rule.validate(); }) rule.validate();
    if (!std::isfinite(factor))
      throw argument_error("output::norm: a factor of " + std::to_string(factor) +
                           " leaves nothing of the output; give a finite number.");
  }

  void fits(const call_extents& call) const {
    for (const weights& own : {weight, bias})
      if (own.data != nullptr)
        byteloom::detail::require_fit("output::norm", "dimensions a head", own.extent[0], call.value_size);
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
  BYTELOOM_HD Real operator()(const State& gathered, Real value, index, row, int dimension) const {
    return static_cast<Real>(factor) *
           byteloom::detail::normed_number(rule, gathered, value, weight, bias, dimension);
  }
};

}  // namespace byteloom::inline v0::output
