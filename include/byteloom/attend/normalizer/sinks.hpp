// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/sinks: softmax over the keys and one learned logit per head that has no value: it takes
// weight away and gives nothing (the attention sinks of gpt-oss, after Xiao et al., arXiv 2309.17453).

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::normalizer {

/// `logit` [query head] stands beside scores as they are after scales and score policies; minus infinity: no
/// sink. log_sum counts the sink. So states of parts of a row merge, and their log-sums do not: each has the
/// sink.
template <memory Where = memory::host>
struct sinks : softmax {
  static constexpr memory where = Where;
  template <memory Other>
  using in = sinks<Other>;

  view<const float, 1, Where> logit;

  constexpr explicit sinks(view<const float, 1, Where> of_heads) : logit(of_heads) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(logit));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("normalizer::sinks", "query heads", logit.extent[0], call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD Real finish(const state<Real>& own, row at) const {
    return finish_with(own, static_cast<Real>(logit(at.query_head)));
  }

  template <class Real>
  BYTELOOM_HD Real log_sum(const state<Real>& own, row at) const {
    return log_sum_with(own, static_cast<Real>(logit(at.query_head)));
  }
};

}  // namespace byteloom::inline v0::normalizer
