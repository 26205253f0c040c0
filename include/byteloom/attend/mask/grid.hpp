// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/grid: a query sees a grid of keys that is spread over the whole map and passes through its own
// cell: the grid attention of MaxViT (arXiv 2204.01697), whose block attention is mask::windows.

#include <string>
#include <utility>

#include "byteloom/attend/mask/dilated.hpp"
#include "byteloom/attend/mask/map.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

/// Cells of one axis see those a multiple of the stride away.
struct stride_rule {
  divisor<> stride;

  BYTELOOM_HD constexpr bool keep(int query, int key) const { return in_step(stride, query, key); }
  BYTELOOM_HD constexpr coverage cover(int first_query, int last_query, int first_key, int last_key) const {
    return in_step(stride, first_query, last_query, first_key, last_key);
  }
  BYTELOOM_HD constexpr int count(int query, int extent) const {
    return stride.quotient(query) + stride.quotient(extent - 1 - query) + 1;
  }
};

}  // namespace detail

/// Grids of `sides` cells, which divide the extents: `grid<2>({56, 56}, {7, 7})` lets each query see 7 x 7
/// keys that lie 8 apart.
template <int Axes>
struct grid : detail::map_mask<Axes, detail::stride_rule> {
  constexpr grid(const per_axis<Axes>& extents, const per_axis<Axes>& sides)
      : grid::map_mask(extents, rules(extents, sides, std::make_index_sequence<Axes>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("mask::grid");
    for (int a = 0; a < Axes; ++a)
      if (this->rule[a].stride.value < 1)
        throw argument_error("mask::grid: the side along axis " + std::to_string(a) +
                             " does not divide its extent of " + std::to_string(this->extent[a].value) +
                             "; pad the map, or choose a side that divides it.");
  }
  void fits(const call_extents& call) const { this->fits_map("mask::grid", call); }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::stride_rule, Axes> rules(const per_axis<Axes>& extents,
                                                               const per_axis<Axes>& sides,
                                                               std::index_sequence<Index...>) {
    return {detail::stride_rule{stride_of(extents[Index], sides[Index])}...};
  }
  static constexpr int stride_of(int extent, int side) {
    return side < 1 || extent % side != 0 ? 0 : extent / side;  // 0: refused by validate
  }
};

}  // namespace byteloom::inline v0::mask
