// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/window_by_head: each query head has its own radius, cut at the ends of the sequence
// (Multi-Scale Self-Attention, arXiv 1912.00544). With mask::causal beside it, head h sees radius[h] keys
// before its own.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

/// radius [query heads]: head h of a query at i sees the keys from i - radius[h] to i + radius[h]. Any large
/// number is the whole sequence.
template <memory Where = memory::host>
struct window_by_head {
  using axis = axis::mask;
  static constexpr bool rises = true;
  static constexpr memory where = Where;
  template <memory Other>
  using in = window_by_head<Other>;

  view<const int, 1, Where> radius;

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(radius)};
  }

  BYTELOOM_HD constexpr bool keep(site at) const {
    return detail::near(at.query, at.key, radius(at.query_head));
  }
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    return detail::near(over, radius(over.query_head));
  }
  BYTELOOM_HD constexpr interval reach(row of) const { return detail::near(of, radius(of.query_head)); }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (radius.data == nullptr)
      throw argument_error("mask::window_by_head: the radii are a null view; give one a query head.");
    if constexpr (Where == memory::host)
      for (index head = 0; head < radius.extent[0]; ++head)
        if (radius(head) < 0)
          throw argument_error("mask::window_by_head: head " + std::to_string(head) + " has a radius of " +
                               std::to_string(radius(head)) +
                               ", which hides every key; give at least 0, which leaves the query's own.");
  }
  void fits(const call_extents& call) const {
    byteloom::detail::require_room("mask::window_by_head", "query heads", radius.extent[0], call.query_heads);
  }
};

}  // namespace byteloom::inline v0::mask
