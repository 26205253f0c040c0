// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/windows: a map of tokens is cut in windows of equal shape, each a problem of its own.

#include <array>
#include <string>
#include <utility>

#include "byteloom/attend/group/map.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::group {

namespace detail {

/// Windows of `side` neighbouring cells of one axis that is rolled back by `shift`.
struct roll_rule {
  divisor<> windows;
  divisor<> side;
  int extent;
  int shift;

  BYTELOOM_HD constexpr int size(int) const { return side.value; }
  BYTELOOM_HD constexpr int slots(int slot, int) const { return side.quotient(slot); }
  BYTELOOM_HD constexpr int cell(int window, int slot) const {
    const int rolled = window * side.value + slot + shift;
    return rolled < extent ? rolled : rolled - extent;
  }
  BYTELOOM_HD constexpr int window_of(int cell) const { return side.quotient(rolled(cell)); }
  BYTELOOM_HD constexpr int slot_of(int cell) const { return side.remainder(rolled(cell)); }

 private:
  BYTELOOM_HD constexpr int rolled(int cell) const {
    return cell < shift ? cell - shift + extent : cell - shift;
  }
};

}  // namespace detail

/// The windows of Swin (Liu et al., arXiv 2103.14030), Video Swin (arXiv 2106.13230) and, without shift,
/// Swin-Free (arXiv 2306.13776) and MaxViT's block attention (arXiv 2204.01697): `windows<7, 7>({rows,
/// columns}, {3, 3})`. With shifts, the map is rolled by -shift first, so that windows wrap around its ends;
/// mask::windows of the same extents, sides and shifts beside it keeps apart what only the roll brought
/// together, as Swin's region labels do. Along an axis that is no longer than its side there is one window
/// and no shift. Other extents are multiples of their side: pad the map at its ends; what pads it is attended
/// to.
template <int... Sides>
struct windows : detail::map_group<sizeof...(Sides), detail::roll_rule> {
  static_assert(((Sides > 0) && ...),
                "byteloom: the sides of group::windows and group::grid are positive numbers; write "
                "windows<7, 7>.");
  static constexpr int largest = (1 * ... * Sides);
  static constexpr bool ragged = false;
  static constexpr bool complete = true;

  constexpr windows(const per_axis<sizeof...(Sides)>& extents,
                    const per_axis<sizeof...(Sides)>& shifts = per_axis<sizeof...(Sides)>{})
      : windows::map_group(extents, rules(extents, shifts, std::make_index_sequence<sizeof...(Sides)>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("group::windows");
    for (int a = 0; a < this->axes; ++a) {
      const detail::roll_rule& own = this->rule[a];
      if (own.shift < 0 || own.shift >= own.side.value)
        throw argument_error("group::windows: a shift of " + std::to_string(own.shift) +
                             "; give one from 0 to less than the side.");
      if (own.extent % own.side.value != 0)
        throw argument_error("group::windows: an extent of " + std::to_string(own.extent) +
                             " is no multiple of its side of " + std::to_string(own.side.value) +
                             "; pad the map at its end, or take group::cut_windows.");
    }
  }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::roll_rule, sizeof...(Sides)> rules(
      const per_axis<sizeof...(Sides)>& extents, const per_axis<sizeof...(Sides)>& shifts,
      std::index_sequence<Index...>) {
    return {rule_of(extents[Index], Sides, shifts[Index])...};
  }
  static constexpr detail::roll_rule rule_of(int extent, int side, int shift) {
    if (extent <= side) return {1, extent, extent, 0};
    return {extent / side, side, extent, shift};
  }
};

}  // namespace byteloom::inline v0::group
