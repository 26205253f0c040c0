// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/window: a query sees no key that lies `width` or more positions before it. Says nothing about
// later keys: with mask::causal beside it this is the sliding window of Longformer (arXiv 2004.05150) and
// Mistral.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {
BYTELOOM_EXTENT(width)
}

/// `window<4096>` has its width in its type; `window<>{{width}}` carries it. The width counts the query's own
/// key.
template <int Width = dynamic>
struct window : detail::width_extent<Width> {
  using axis = axis::mask;
  static constexpr bool rises = true;

  BYTELOOM_HD constexpr bool keep(site at) const { return at.query - at.key < this->width; }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (over.first_query - over.last_key >= this->width) return coverage::none;
    return over.last_query - over.first_key < this->width ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr interval reach(row of) const {
    return {of.query - math::min(of.query, this->width - 1), of.keys};
  }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (this->width < 1)
      throw argument_error("mask::window: a width of " + std::to_string(int{this->width}) +
                           " hides every key; give at least 1, which leaves the query's own.");
  }
};

}  // namespace byteloom::inline v0::mask
