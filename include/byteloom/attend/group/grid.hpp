// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/grid: a group is a grid of tokens that is spread over the whole map: the grid attention of
// MaxViT (Tu et al., arXiv 2204.01697), whose block attention is group::windows.

#include <array>
#include <string>
#include <utility>

#include "byteloom/attend/group/map.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::group {

namespace detail {

/// Windows of cells of one axis that lie as many cells apart as there are windows.
struct spread_rule {
  divisor<> windows;
  divisor<> side;

  BYTELOOM_HD constexpr int size(int) const { return side.value; }
  BYTELOOM_HD constexpr int slots(int slot, int) const { return side.quotient(slot); }
  BYTELOOM_HD constexpr int cell(int window, int slot) const { return slot * windows.value + window; }
  BYTELOOM_HD constexpr int window_of(int cell) const { return windows.remainder(cell); }
  BYTELOOM_HD constexpr int slot_of(int cell) const { return windows.quotient(cell); }
};

}  // namespace detail

/// Grids of `Sides` cells, which divide the extents: `grid<7, 7>({56, 56})` has 64 groups of 7 x 7 tokens
/// that lie 8 apart.
template <int... Sides>
struct grid : detail::map_group<sizeof...(Sides), detail::spread_rule> {
  static_assert(((Sides > 0) && ...),
                "byteloom: the sides of group::windows and group::grid are positive numbers; write "
                "windows<7, 7>.");
  static constexpr int largest = (1 * ... * Sides);
  static constexpr bool ragged = false;
  static constexpr bool complete = true;

  constexpr grid(const per_axis<sizeof...(Sides)>& extents)
      : grid::map_group(extents, rules(extents, std::make_index_sequence<sizeof...(Sides)>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("group::grid");
    for (int a = 0; a < this->axes; ++a)
      if (this->extent[a].value % this->rule[a].side.value != 0)
        throw argument_error("group::grid: the side along axis " + std::to_string(a) +
                             " does not divide its extent of " + std::to_string(this->extent[a].value) +
                             "; pad the map, or choose a side that divides it.");
  }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::spread_rule, sizeof...(Sides)> rules(
      const per_axis<sizeof...(Sides)>& extents, std::index_sequence<Index...>) {
    return {detail::spread_rule{extents[Index] / Sides, Sides}...};
  }
};

}  // namespace byteloom::inline v0::group
