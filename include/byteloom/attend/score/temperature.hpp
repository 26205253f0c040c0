// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/temperature: divides a score by a learned temperature. Naming one replaces the
// 1/sqrt(head size) that otherwise comes first (Liu et al., Swin Transformer V2, arXiv 2111.09883; Lee et
// al., locality self-attention, arXiv 2112.13492).

#include <cmath>
#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

/// One temperature for all heads.
struct temperature {
  using axis = axis::score;
  static constexpr bool replaces_default_scale = true;

  static constexpr bool always_positive = true;

  float value;  ///< positive

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site) const {
    return score * math::divide(Real(1), static_cast<Real>(value));
  }

  BYTELOOM_HD constexpr float constant_factor() const { return 1.0f / value; }

  void validate() const {
    if (!(value > 0) || !std::isfinite(value))
      throw argument_error("score::temperature: " + std::to_string(value) +
                           " divides no score; give a finite number above 0.");
  }
};

/// A temperature per query head: `value` [query head], positive numbers.
template <memory Where = memory::host>
struct temperature_per_head {
  using axis = axis::score;
  static constexpr bool replaces_default_scale = true;
  static constexpr memory where = Where;
  template <memory Other>
  using in = temperature_per_head<Other>;

  view<const float, 1, Where> value;

  constexpr explicit temperature_per_head(view<const float, 1, Where> of_heads) : value(of_heads) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(value));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::temperature_per_head", "query heads", value.extent[0],
                                  call.query_heads);
  }

  template <class Real>
  BYTELOOM_HD Real operator()(Real score, site at) const {
    return score * math::divide(Real(1), static_cast<Real>(value(at.query_head)));
  }
};

}  // namespace byteloom::inline v0::score
