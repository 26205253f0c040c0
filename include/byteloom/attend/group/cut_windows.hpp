// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/cut_windows: a map of tokens is cut in windows that are smaller at its ends, so that nothing
// is padded and nothing masked.

#include <array>
#include <string>
#include <utility>

#include "byteloom/attend/group/map.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::group {

namespace detail {

/// Windows of `side` cells of one axis; the first is `offset` cells shorter, the last ends with the axis.
struct cut_rule {
  divisor<> windows;
  divisor<> side;
  int extent;
  int offset;

  BYTELOOM_HD constexpr int start(int window) const { return math::max(window * side.value - offset, 0); }
  BYTELOOM_HD constexpr int size(int window) const {
    return math::min((window + 1) * side.value - offset, extent) - start(window);
  }
  BYTELOOM_HD constexpr int slots(int slot, int window) const {
    const int own = size(window);
    return own == side.value ? side.quotient(slot) : own > 0 ? slot / own : 0;
  }
  BYTELOOM_HD constexpr int cell(int window, int slot) const { return start(window) + slot; }
  BYTELOOM_HD constexpr int window_of(int cell) const { return side.quotient(cell + offset); }
  BYTELOOM_HD constexpr int slot_of(int cell) const { return cell - start(window_of(cell)); }
};

}  // namespace detail

/// The windows of SeedVR (arXiv 2501.01320) over a map of `Axes` axes: `shifted` ones lie half a window
/// further on every axis that is longer than its side. The sides are given at run time (mask::seedvr2_sides
/// makes SeedVR2's); their product is at most `Largest`: `cut_windows<3, 256>({frames, rows, columns}, {4, 8,
/// 8}, true)`.
template <int Axes, int Largest>
struct cut_windows : detail::map_group<static_cast<std::size_t>(Axes), detail::cut_rule> {
  static constexpr std::size_t number = static_cast<std::size_t>(Axes);
  static constexpr int largest = Largest;
  static constexpr bool complete = true;

  constexpr cut_windows(const per_axis<number>& extents, const per_axis<number>& sides, bool shifted = false)
      : cut_windows::map_group(extents, rules(extents, sides, shifted, std::make_index_sequence<number>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("group::cut_windows");
    index product = 1;
    for (const detail::cut_rule& own : this->rule) {
      if (own.side.value < 1)
        throw argument_error("group::cut_windows: a side of " + std::to_string(own.side.value) +
                             "; give sides of at least 1.");
      product *= own.side.value;
    }
    if (product > Largest)
      throw argument_error("group::cut_windows: windows of " + std::to_string(product) +
                           " tokens, where the type says " + std::to_string(Largest) +
                           " at most; raise its bound, or choose smaller sides.");
  }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::cut_rule, number> rules(const per_axis<number>& extents,
                                                              const per_axis<number>& sides, bool shifted,
                                                              std::index_sequence<Index...>) {
    return {rule_of(extents[Index], sides[Index], shifted)...};
  }
  // Window n of the shifted ones begins at (n - 1/2) side, rounded down: at n side - offset. A side below 1
  // is refused by validate.
  static constexpr detail::cut_rule rule_of(int extent, int side, bool shifted) {
    if (side < 1) return {1, side, extent, 0};
    if (extent <= side) return {1, extent, extent, 0};
    const int offset = shifted ? side - side / 2 : 0;
    return {(extent - 1 + offset) / side + 1, side, extent, offset};
  }
};

}  // namespace byteloom::inline v0::group
