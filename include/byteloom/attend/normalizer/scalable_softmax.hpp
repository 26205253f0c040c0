// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/normalizer/scalable_softmax: softmax of scores times s * ln(n), n the number of keys that the row
// attends to, so that attention does not fade over long rows (Nakanishi, "Scalable-Softmax Is Superior for
// Attention", arXiv 2501.19399).

#include <cmath>
#include <string>

#include "byteloom/attend/normalizer/softmax.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::normalizer {

namespace detail {
/// s * ln(n): 0 for one key, whose weight is 1 anyway.
template <class Real>
BYTELOOM_HD Real log_count(Real s, int count) {
  return count <= 1 ? Real(0) : s * math::log(static_cast<Real>(count));
}
}  // namespace detail

/// One s for all heads: `scalable_softmax{0.168f}`.
struct scalable_softmax : softmax {
  float s = 1.0f;

  constexpr scalable_softmax() = default;
  constexpr explicit scalable_softmax(float of_all) : s(of_all) {}

  template <class Real>
  BYTELOOM_HD Real row_scale(row, int count) const {
    return detail::log_count(static_cast<Real>(s), count);
  }

  void validate() const {
    if (!std::isfinite(s))
      throw argument_error("normalizer::scalable_softmax: " + std::to_string(s) +
                           " is no factor; give a finite number.");
  }
};

/// s learned per query head: `s` [query head].
template <memory Where = memory::host>
struct scalable_softmax_per_head : softmax {
  static constexpr memory where = Where;
  template <memory Other>
  using in = scalable_softmax_per_head<Other>;

  view<const float, 1, Where> s;

  constexpr explicit scalable_softmax_per_head(view<const float, 1, Where> of_heads) : s(of_heads) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(s));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("normalizer::scalable_softmax_per_head", "query heads", s.extent[0],
                                  call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD Real row_scale(row at, int count) const {
    return detail::log_count(static_cast<Real>(s(at.query_head)), count);
  }
};

}  // namespace byteloom::inline v0::normalizer
