// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/lambda: the mask of LM-Infinite (arXiv 2308.16137): causal, and of the past a query sees the
// first keys and the last ones before it, which draws the letter on the matrix. A first key that lies inside
// the window is one of the window, so no key counts twice.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// `Sinks` first keys and a window of `Local` keys that counts the query's own: `lambda<10, 4096>`, or
/// `lambda<>{{number}, {width}}`.
template <int Sinks = dynamic, int Local = dynamic>
struct lambda : detail::number_extent<Sinks>, detail::width_extent<Local> {
  using axis = axis::mask;

  BYTELOOM_HD constexpr bool keep(site at) const {
    return at.key <= at.query && (at.key < this->number || at.query - at.key < this->width);
  }

  // The tile's first keys obey mask::causal alone, the others mask::causal and mask::window.
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (over.first_key > over.last_query) return coverage::none;
    detail::parts parts;
    if (over.first_key < this->number)
      parts.add(math::min(over.last_key, this->number - 1) <= over.first_query ? coverage::full
                                                                               : coverage::partial);
    if (over.last_key >= this->number) {
      const int first_key = math::max(over.first_key, int{this->number});
      if (first_key > over.last_query || over.first_query - over.last_key >= this->width) {
        parts.add(coverage::none);
      } else {
        parts.add(over.last_key <= over.first_query && over.last_query - first_key < this->width
                      ? coverage::full
                      : coverage::partial);
      }
    }
    return parts.joined();
  }

  BYTELOOM_HD constexpr int count(row of) const {
    const int seen = of.query + 1;
    return math::min(seen, this->width) + math::min(seen - math::min(seen, this->width), this->number);
  }

  void validate() const {
    if (this->number < 0 || this->width < 1)
      throw argument_error("mask::lambda: " + std::to_string(int{this->number}) +
                           " first keys and a window of " + std::to_string(int{this->width}) +
                           "; give 0 or more first keys, and a window of at least 1, which leaves the "
                           "query's own.");
  }
};

}  // namespace byteloom::inline v0::mask
