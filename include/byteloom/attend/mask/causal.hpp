// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/causal: a query sees the keys up to its own position.
//
// A mask is `bool keep(site) const`. It may add `coverage cover(tile) const`, which lets a backend skip whole
// tiles and leave out the test inside others; it must agree with keep, and a mask without it is tested at
// every site. It may add count and reach (attend/mask/interval.hpp), and, where it holds views or sizes of
// its own, fits (core/call_extents.hpp). Positions are those of site: bottom-right aligned.

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"

namespace byteloom::inline v0::mask {

struct causal {
  using axis = axis::mask;
  static constexpr bool rises = true;

  BYTELOOM_HD constexpr bool keep(site at) const { return at.key <= at.query; }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (over.first_key > over.last_query) return coverage::none;
    return over.last_key <= over.first_query ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr interval reach(row of) const { return {0, of.query + 1}; }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }
};

}  // namespace byteloom::inline v0::mask
