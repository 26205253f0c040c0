// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/observe/row_maximum: writes the largest score of each row, after scales, score policies, masks and
// the normalizer's row scale (to watch logits grow, or to calibrate quantizers). What an observer is, says
// attend/observe/log_sum_exp.hpp.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::observe {

/// `out` [batch, query row of the call, query head]; minus infinity for a row without keys.
template <memory Where = memory::host>
struct row_maximum {
  using axis = axis::observe;
  static constexpr memory where = Where;
  template <memory Other>
  using in = row_maximum<Other>;

  view<float, 3, Where> out;

  constexpr explicit row_maximum(view<float, 3, Where> to) : out(to) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(out));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("observe::row_maximum", "sequences", out.extent[0], call.batch);
    byteloom::detail::require_fit("observe::row_maximum", "queries", out.extent[1], call.queries);
    byteloom::detail::require_fit("observe::row_maximum", "query heads", out.extent[2], call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD void maximum(index row_of_call, row at, Real value) const {
    out(at.batch, row_of_call, at.query_head) = static_cast<float>(value);
  }
};

}  // namespace byteloom::inline v0::observe
