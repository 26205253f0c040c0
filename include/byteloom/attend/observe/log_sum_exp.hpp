// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/observe/log_sum_exp: writes the natural logarithm of what each row's weights were divided by; with
// it, outputs over different keys merge (attend/merge.hpp).
//
// An observer is told of a row when it is finished, once, by whichever of log_sum and maximum it offers, and
// writes to memory of its own.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::observe {

/// `out` [batch, query row of the call, query head]; minus infinity for a row without keys.
template <memory Where = memory::host>
struct log_sum_exp {
  using axis = axis::observe;
  static constexpr memory where = Where;
  template <memory Other>
  using in = log_sum_exp<Other>;

  view<float, 3, Where> out;

  constexpr explicit log_sum_exp(view<float, 3, Where> to) : out(to) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(out));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("observe::log_sum_exp", "sequences", out.extent[0], call.batch);
    byteloom::detail::require_fit("observe::log_sum_exp", "queries", out.extent[1], call.queries);
    byteloom::detail::require_fit("observe::log_sum_exp", "query heads", out.extent[2], call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD void log_sum(index row_of_call, row at, Real value) const {
    out(at.batch, row_of_call, at.query_head) = static_cast<float>(value);
  }
};

}  // namespace byteloom::inline v0::observe
