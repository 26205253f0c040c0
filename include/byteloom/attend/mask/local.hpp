// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/local: a query sees the keys at most `radius` positions away on either side: the local layers
// of ModernBERT (arXiv 2412.13663, radius 64) and the local part of LongT5 (arXiv 2112.07916, radius 127).

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

BYTELOOM_EXTENT(radius)

// The rule |query - key| <= radius. Differences of positions cannot overflow, sums with a radius could.
BYTELOOM_HD constexpr bool near(int query, int key, int radius) {
  return query - key <= radius && key - query <= radius;
}
BYTELOOM_HD constexpr coverage near(tile over, int radius) {
  if (over.first_query - over.last_key > radius || over.first_key - over.last_query > radius)
    return coverage::none;
  return over.last_query - over.first_key <= radius && over.last_key - over.first_query <= radius
             ? coverage::full
             : coverage::partial;
}
BYTELOOM_HD constexpr interval near(row of, int radius) {
  return {of.query - math::min(of.query, radius), of.query + math::min(of.keys - 1 - of.query, radius) + 1};
}

}  // namespace detail

/// `local<64>` has its radius in its type; `local<>{{radius}}` carries it. A row sees up to 2 radius + 1
/// keys.
template <int Radius = dynamic>
struct local : detail::radius_extent<Radius> {
  using axis = axis::mask;
  static constexpr bool rises = true;

  BYTELOOM_HD constexpr bool keep(site at) const { return detail::near(at.query, at.key, this->radius); }
  BYTELOOM_HD constexpr coverage cover(tile over) const { return detail::near(over, this->radius); }
  BYTELOOM_HD constexpr interval reach(row of) const { return detail::near(of, this->radius); }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (this->radius < 0)
      throw argument_error("mask::local: a radius of " + std::to_string(int{this->radius}) +
                           " hides every key; give at least 0, which leaves the query's own.");
  }
};

}  // namespace byteloom::inline v0::mask
