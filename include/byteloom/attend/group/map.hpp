// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/map: what groups of cells of an image or a video share. Tokens are the cells of a map, in
// row-major order; a rule of each axis says which of its cells form a window, and a group is the product of
// one window an axis. Windows and their slots count in row-major order, too.

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0::group {

/// One number for each axis of a map, outermost first: {rows, columns}, {frames, rows, columns}.
template <std::size_t Axes>
using per_axis = std::array<int, Axes>;

namespace detail {

/// `Rule` says of one axis: `divisor<> windows`, their number; `int size(int window)`; `int slots(int slot,
/// int window)`, which divides a slot by that size; `int cell(int window, int slot)`, `int window_of(int
/// cell)` and `int slot_of(int cell)`.
template <std::size_t Axes, class Rule>
struct map_group {
  using axis = axis::group;
  static constexpr int axes = static_cast<int>(Axes);
  static_assert(
      Axes >= 1 && Axes <= 3,
      "byteloom: groups of a map of tokens have one, two or three axes; fold further ones into the batch.");

  divisor<> extent[Axes];
  Rule rule[Axes];

  BYTELOOM_HD constexpr int groups() const {
    int product = 1;
    BYTELOOM_UNROLL
    for (int a = 0; a < axes; ++a) product *= rule[a].windows.value;
    return product;
  }

  BYTELOOM_HD constexpr int size(int group) const {
    int product = 1;
    BYTELOOM_UNROLL
    for (int a = axes - 1; a >= 0; --a) {
      product *= rule[a].size(rule[a].windows.remainder(group));
      group = rule[a].windows.quotient(group);
    }
    return product;
  }

  BYTELOOM_HD constexpr int token(int group, int slot) const {
    int result = 0;
    int step = 1;
    BYTELOOM_UNROLL
    for (int a = axes - 1; a >= 0; --a) {
      const int outer = rule[a].windows.quotient(group);
      const int window = group - outer * rule[a].windows.value;
      const int outer_slot = rule[a].slots(slot, window);
      result += step * rule[a].cell(window, slot - outer_slot * rule[a].size(window));
      step *= extent[a].value;
      group = outer;
      slot = outer_slot;
    }
    return result;
  }

  BYTELOOM_HD constexpr int group_of(int token) const {
    int result = 0;
    int step = 1;
    BYTELOOM_UNROLL
    for (int a = axes - 1; a >= 0; --a) {
      result += step * rule[a].window_of(extent[a].remainder(token));
      step *= rule[a].windows.value;
      token = extent[a].quotient(token);
    }
    return result;
  }

  BYTELOOM_HD constexpr int slot_of(int token) const {
    int result = 0;
    int step = 1;
    BYTELOOM_UNROLL
    for (int a = axes - 1; a >= 0; --a) {
      const int cell = extent[a].remainder(token);
      result += step * rule[a].slot_of(cell);
      step *= rule[a].size(rule[a].window_of(cell));
      token = extent[a].quotient(token);
    }
    return result;
  }

  void fits(const call_extents& call) const {
    index product = 1;
    for (const divisor<>& of : extent) product *= of.value;
    byteloom::detail::require_fit("group", "tokens of a map", product, call.keys);
  }

 protected:
  constexpr map_group(const per_axis<Axes>& extents, const std::array<Rule, Axes>& rules)
      : map_group(extents, rules, std::make_index_sequence<Axes>{}) {}

  /// Throws argument_error where the map has no cells or more than an int counts.
  void validate_map(const char* name) const {
    index product = 1;
    for (const divisor<>& of : extent) {
      if (of.value < 1)
        throw argument_error(std::string(name) + ": a map with an extent of " + std::to_string(of.value) +
                             "; give extents of at least 1.");
      product *= of.value;
      if (product > 0x7fffffff)
        throw argument_error(std::string(name) +
                             ": a map of more tokens than a position counts; give one of less than 2^31.");
    }
  }

 private:
  template <std::size_t... Index>
  constexpr map_group(const per_axis<Axes>& extents, const std::array<Rule, Axes>& rules,
                      std::index_sequence<Index...>)
      : extent{divisor<>(extents[Index])...}, rule{rules[Index]...} {}
};

}  // namespace detail
}  // namespace byteloom::inline v0::group
