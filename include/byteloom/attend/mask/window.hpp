// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/window: a query sees no key that lies `width` or more positions before it. Says nothing about
// later keys: with mask::causal beside it this is the sliding window of Longformer (arXiv 2004.05150) and
// Mistral.

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/extent.hpp"

namespace byteloom::inline v0::mask {

namespace detail {
BYTELOOM_EXTENT(width)
}

/// `window<4096>` has its width in its type; `window<>{{width}}` carries it. The width counts the query's own
/// key.
template <int Width = dynamic>
struct window : detail::width_extent<Width> {
  using axis = axis::mask;

  BYTELOOM_HD constexpr bool keep(site at) const { return at.query - at.key < this->width; }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (over.first_query - over.last_key >= this->width) return coverage::none;
    return over.last_query - over.first_key < this->width ? coverage::full : coverage::partial;
  }
};

}  // namespace byteloom::inline v0::mask
