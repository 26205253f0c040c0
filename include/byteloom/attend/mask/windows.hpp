// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/windows: a map of tokens is cut in windows, and a query sees the keys of its own.
//
// Swin rolls the map by its shift, cuts it in windows, and separates by regions (two cuts an axis, 9 or 27 of
// them) what only the roll brought together. Put back, the two parts of a window that the roll filled are
// windows of their own at the map's two ends, so a shift just moves the cuts: that is how it is kept here.
// Swin adds -100 where regions differ; a mask takes such keys out.

#include <cmath>
#include <string>
#include <utility>

#include "byteloom/attend/mask/map.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

/// Windows of `side` cells of one axis; the first is `offset` cells shorter.
struct window_rule {
  divisor<> side;
  int offset;

  BYTELOOM_HD constexpr int window_of(int cell) const { return side.quotient(cell + offset); }

  BYTELOOM_HD constexpr bool keep(int query, int key) const {
    const int start = window_of(query) * side.value - offset;
    return key >= start && key - start < side.value;
  }

  BYTELOOM_HD constexpr coverage cover(int first_query, int last_query, int first_key, int last_key) const {
    const int from = window_of(first_query);
    const int to = window_of(last_query);
    const int key_from = window_of(first_key);
    const int key_to = window_of(last_key);
    if (key_from > to || key_to < from) return coverage::none;
    return from == key_to && to == key_from ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr int count(int query, int extent) const {
    const int start = window_of(query) * side.value - offset;
    return math::min(start + side.value, extent) - math::max(start, 0);
  }
};

}  // namespace detail

/// The windows of Swin (arXiv 2103.14030; two axes), Video Swin (arXiv 2106.13230; three) and, without shift,
/// Swin-Free (arXiv 2306.13776): `windows<2>({rows, columns}, {7, 7}, {3, 3})`. Along an axis that is no
/// longer than its side there is one window and no shift. Other extents are multiples of their side: pad the
/// map at its ends; what pads it is attended to.
template <int Axes>
struct windows : detail::map_mask<Axes, detail::window_rule> {
  constexpr windows(const per_axis<Axes>& extents, const per_axis<Axes>& sides,
                    const per_axis<Axes>& shifts = {})
      : windows::map_mask(extents, rules(extents, sides, shifts, std::make_index_sequence<Axes>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("mask::windows");
    for (int a = 0; a < Axes; ++a) {
      const int cells = this->extent[a].value;
      const int side = this->rule[a].side.value;
      const int offset = this->rule[a].offset;
      if (side < 1 || offset < 0 || offset > side)
        throw argument_error("mask::windows: a side of " + std::to_string(side) + " with a shift of " +
                             std::to_string(side - offset) +
                             "; give a side of at least 1 and a shift from 0 to less than it.");
      if (cells % side != 0)
        throw argument_error("mask::windows: an extent of " + std::to_string(cells) +
                             " is no multiple of its side of " + std::to_string(side) +
                             "; pad the map at its end, or take mask::cut_windows.");
    }
  }
  void fits(const call_extents& call) const { this->fits_map("mask::windows", call); }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::window_rule, Axes> rules(const per_axis<Axes>& extents,
                                                               const per_axis<Axes>& sides,
                                                               const per_axis<Axes>& shifts,
                                                               std::index_sequence<Index...>) {
    return {rule_of(extents[Index], sides[Index], shifts[Index])...};
  }
  static constexpr detail::window_rule rule_of(int extent, int side, int shift) {
    if (extent <= side) return {extent, 0};
    return {side, shift == 0 ? 0 : side - shift};
  }
};

/// The windows of SeedVR (arXiv 2501.01320): those at the ends of the map are cut short, nothing is padded,
/// and `shifted` ones lie half a window further on every axis that is longer than its side:
/// `cut_windows<3>({frames, rows, columns}, sides, true)`.
template <int Axes>
struct cut_windows : detail::map_mask<Axes, detail::window_rule> {
  constexpr cut_windows(const per_axis<Axes>& extents, const per_axis<Axes>& sides, bool shifted = false)
      : cut_windows::map_mask(extents, rules(extents, sides, shifted, std::make_index_sequence<Axes>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("mask::cut_windows");
    for (const detail::window_rule& of : this->rule)
      if (of.side.value < 1)
        throw argument_error("mask::cut_windows: a side of " + std::to_string(of.side.value) +
                             "; give sides of at least 1.");
  }
  void fits(const call_extents& call) const { this->fits_map("mask::cut_windows", call); }

 private:
  template <std::size_t... Index>
  static constexpr std::array<detail::window_rule, Axes> rules(const per_axis<Axes>& extents,
                                                               const per_axis<Axes>& sides, bool shifted,
                                                               std::index_sequence<Index...>) {
    return {rule_of(extents[Index], sides[Index], shifted)...};
  }
  // Window n of the shifted ones begins at (n - 1/2) side, rounded down: at n side - offset.
  static constexpr detail::window_rule rule_of(int extent, int side, bool shifted) {
    if (extent <= side) return {extent, 0};
    return {side, shifted ? side - side / 2 : 0};
  }
};

/// The sides that SeedVR2 (arXiv 2506.05301) gives to `counts` windows over a map {frames, rows, columns}:
/// rows and columns as if the map had 45 x 80 cells at its own aspect, frames up to 30. Throws
/// argument_error.
inline per_axis<3> seedvr2_sides(const per_axis<3>& extents, const per_axis<3>& counts) {
  for (const int number : {extents[0], extents[1], extents[2], counts[0], counts[1], counts[2]})
    if (number < 1)
      throw argument_error("mask::seedvr2_sides: an extent or a count of " + std::to_string(number) +
                           "; give at least 1 of each.");
  const double scale = std::sqrt(45.0 * 80.0 / (static_cast<double>(extents[1]) * extents[2]));
  const auto side = [](int cells, int number) { return (cells + number - 1) / number; };
  const auto scaled = [&](int cells) { return static_cast<int>(std::nearbyint(cells * scale)); };
  return {side(math::min(extents[0], 30), counts[0]), side(scaled(extents[1]), counts[1]),
          side(scaled(extents[2]), counts[2])};
}

}  // namespace byteloom::inline v0::mask
