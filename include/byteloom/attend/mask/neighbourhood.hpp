// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/neighbourhood: neighborhood attention (arXiv 2204.07143), with the dilation of DiNAT (arXiv
// 2209.15001), and the even windows, causal axes and strides of newer NATTEN (arXiv 2504.16922): a query sees
// a window of keys around its own cell, which moves inwards at the ends of the map and so always has its
// size.

#include <array>
#include <string>
#include <utility>

#include "byteloom/attend/mask/map.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

/// One axis. Cells that are equal modulo the dilation form a line of their own; the rest holds on that line.
struct neighbour_rule {
  int window;
  divisor<> dilation;
  divisor<> stride;
  int whole;  ///< cells of every line: extent / dilation
  int more;   ///< the first so many lines have one more
  bool causal;

  struct reach_of {
    int first;
    int end;
  };

  /// The cells of the line `line` that its cell `query` sees.
  BYTELOOM_HD constexpr reach_of reach(int query, int line) const {
    const int length = whole + (line < more ? 1 : 0);
    const int group = stride.quotient(query) * stride.value;
    if (causal) {
      const int leader = math::min(group + stride.value - 1, length - 1);
      return {math::max(leader - window + 1, 0), query + 1};
    }
    const int leader = math::min(group + stride.value / 2, length - 1);
    const int first = math::max(math::min(leader - window / 2, length - window), 0);
    return {first, math::min(first + window, length)};
  }

  BYTELOOM_HD constexpr bool keep(int query, int key) const {
    const int query_cell = dilation.quotient(query);
    const int key_cell = dilation.quotient(key);
    const int line = query - query_cell * dilation.value;
    const reach_of seen = reach(query_cell, line);
    return key - key_cell * dilation.value == line && key_cell >= seen.first && key_cell < seen.end;
  }

  // On a line the windows of cells that follow each other meet, and neither of their ends moves back.
  BYTELOOM_HD constexpr coverage cover(int first_query, int last_query, int first_key, int last_key) const {
    parts sum;
    const int last_line = math::min(dilation.value - 1, last_query - first_query);
    for (int i = 0; i <= last_line && !sum.decided(); ++i) {
      const int line = dilation.remainder(first_query + i);
      const int from = cell_from(first_query, line);
      const int to = cell_to(last_query, line);
      const int key_from = cell_from(first_key, line);
      const int key_to = cell_to(last_key, line);
      if (key_to - key_from != last_key - first_key) sum.missing = true;  // keys of other lines
      if (key_from > key_to) continue;
      const reach_of front = reach(from, line);
      const reach_of back = reach(to, line);
      if (key_to < front.first || key_from >= back.end) {
        sum.missing = true;
        continue;
      }
      sum.some = true;
      if (key_from < back.first || key_to >= front.end) sum.missing = true;
    }
    return sum.joined();
  }

  BYTELOOM_HD constexpr int count(int query, int) const {
    const reach_of seen = reach(dilation.quotient(query), dilation.remainder(query));
    return seen.end - seen.first;
  }

 private:
  /// The first cell of a line that is not before `cell`, and the last that is not behind it.
  BYTELOOM_HD constexpr int cell_from(int cell, int line) const {
    return cell <= line ? 0 : dilation.quotient(cell - line + dilation.value - 1);
  }
  BYTELOOM_HD constexpr int cell_to(int cell, int line) const {
    return cell < line ? -1 : dilation.quotient(cell - line);
  }
};

}  // namespace detail

/// `neighbourhood<2>({rows, columns}, {7, 7})`; then the dilations, which axes are causal (keys behind the
/// query are hidden, and windows end at it), and the strides: groups of so many cells share the window of
/// their middle (of their last where causal). A window of w cells holds w / 2 before the query and the rest
/// from it on. Windows times dilations fit the map (pad it where they do not; what pads it is attended to),
/// and no stride is larger than its window.
template <int Axes>
struct neighbourhood : detail::map_mask<Axes, detail::neighbour_rule> {
  using flags = std::array<bool, static_cast<std::size_t>(Axes)>;

  constexpr neighbourhood(const per_axis<Axes>& extents, const per_axis<Axes>& windows)
      : neighbourhood(extents, windows, ones(), {}, ones()) {}
  constexpr neighbourhood(const per_axis<Axes>& extents, const per_axis<Axes>& windows,
                          const per_axis<Axes>& dilations, const flags& causal = {})
      : neighbourhood(extents, windows, dilations, causal, ones()) {}
  constexpr neighbourhood(const per_axis<Axes>& extents, const per_axis<Axes>& windows,
                          const per_axis<Axes>& dilations, const flags& causal, const per_axis<Axes>& strides)
      : neighbourhood::map_mask(
            extents, rules(extents, windows, dilations, causal, strides, std::make_index_sequence<Axes>{})) {}

  /// Throws argument_error.
  void validate() const {
    this->validate_map("mask::neighbourhood");
    for (int a = 0; a < Axes; ++a) {
      const detail::neighbour_rule& of = this->rule[a];
      if (of.window < 1 || of.dilation.value < 1 || of.window > of.whole)
        throw argument_error("mask::neighbourhood: a window of " + std::to_string(of.window) +
                             " cells with a dilation of " + std::to_string(of.dilation.value) +
                             " over an extent of " + std::to_string(this->extent[a].value) +
                             "; give at least 1 of each, and pad the map until their product fits it.");
      if (of.stride.value < 1 || of.stride.value > of.window)
        throw argument_error("mask::neighbourhood: a stride of " + std::to_string(of.stride.value) +
                             " for a window of " + std::to_string(of.window) +
                             "; give one from 1 to the window, so that every query sees itself.");
    }
  }
  void fits(const call_extents& call) const { this->fits_map("mask::neighbourhood", call); }

 private:
  static constexpr per_axis<Axes> ones() {
    per_axis<Axes> result{};
    for (int& one : result) one = 1;
    return result;
  }
  template <std::size_t... Index>
  static constexpr std::array<detail::neighbour_rule, Axes> rules(
      const per_axis<Axes>& extents, const per_axis<Axes>& windows, const per_axis<Axes>& dilations,
      const flags& causal, const per_axis<Axes>& strides, std::index_sequence<Index...>) {
    return {detail::neighbour_rule{windows[Index], dilations[Index], strides[Index],
                                   dilations[Index] < 1 ? 0 : extents[Index] / dilations[Index],
                                   dilations[Index] < 1 ? 0 : extents[Index] % dilations[Index],
                                   causal[Index]}...};
  }
};

}  // namespace byteloom::inline v0::mask
