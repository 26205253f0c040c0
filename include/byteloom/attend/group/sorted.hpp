// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/sorted: groups of equal size, whatever tokens they have: an index list that some order of the
// tokens fills (FlatFormer, Liu et al., arXiv 2301.08739; any sort, hash or clustering).

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::group {

/// tokens [groups, Largest]: the token in each slot. counts [groups, 2]: how many slots of a group are
/// filled, and how many of these, which come first, are its own; the others are guests, that is keys alone.
/// sorted_list makes both.
template <int Largest, memory Where = memory::host>
struct sorted {
  using axis = axis::group;
  static_assert(Largest > 0,
                "byteloom: group::sorted has the size of its groups as part of its type, a positive number; "
                "write sorted<69>.");
  static constexpr memory where = Where;
  static constexpr int largest = Largest;
  template <memory Other>
  using in = sorted<Largest, Other>;

  view<const int, 2, Where> tokens;
  view<const int, 2, Where> counts;

  constexpr sorted(view<const int, 2, Where> of_slots, view<const int, 2, Where> of_groups)
      : tokens(of_slots), counts(of_groups) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto moved = f(tokens);
    return {moved, f(counts)};
  }

  BYTELOOM_HD constexpr int groups() const { return static_cast<int>(counts.extent[0]); }
  BYTELOOM_HD constexpr int size(int group) const { return counts(group, 0); }
  BYTELOOM_HD constexpr int owned(int group) const { return counts(group, 1); }
  BYTELOOM_HD constexpr int token(int group, int slot) const { return tokens(group, slot); }

  void validate() const {
    if (tokens.extent[0] != counts.extent[0] || counts.extent[1] != 2 || tokens.extent[1] < Largest)
      throw argument_error("group::sorted: tokens [" + std::to_string(tokens.extent[0]) + ", " +
                           std::to_string(tokens.extent[1]) + "] and counts [" +
                           std::to_string(counts.extent[0]) + ", " + std::to_string(counts.extent[1]) +
                           "]; give " + std::to_string(Largest) + " slots and two counts for each group.");
    if constexpr (Where == memory::host)
      for (int g = 0; g < groups(); ++g)
        if (owned(g) < 0 || owned(g) > size(g) || size(g) > Largest)
          throw argument_error("group::sorted: group " + std::to_string(g) + " owns " +
                               std::to_string(owned(g)) + " of " + std::to_string(size(g)) +
                               " tokens; it owns at most those it has, and has at most " +
                               std::to_string(Largest) + ".");
  }

  void fits(const call_extents& call) const {
    if constexpr (Where == memory::host)
      for (int g = 0; g < groups(); ++g)
        for (int slot = 0; slot < size(g); ++slot)
          if (token(g, slot) < 0 || token(g, slot) >= call.keys)
            throw shape_error("group::sorted: slot " + std::to_string(slot) + " of group " +
                              std::to_string(g) + " names token " + std::to_string(token(g, slot)) +
                              ", but this call has " + std::to_string(call.keys) + " tokens.");
  }
};

/// The lists of group::sorted, which its policy views.
template <int Largest>
struct sorted_list {
  std::vector<int> tokens;
  std::vector<int> counts;

  /// Cuts the tokens in groups of `Largest` in the order given. starts: where each sample begins in it, and
  /// the end of the last; no group has tokens of two samples. The slots that a sample leaves empty in its
  /// last group take the tokens that stand a group earlier as guests (FlatFormer); a sample of less than one
  /// group leaves them empty. Throws argument_error.
  sorted_list(std::span<const int> order, std::span<const int> starts) {
    for (std::size_t sample = 0; sample + 1 < starts.size(); ++sample) {
      const int first = starts[sample];
      const int last = starts[sample + 1];
      if (first < 0 || last < first || last > static_cast<int>(order.size()))
        throw argument_error("group::sorted_list: sample " + std::to_string(sample) + " goes from " +
                             std::to_string(first) + " to " + std::to_string(last) + " of " +
                             std::to_string(order.size()) +
                             " tokens; give ascending starts within the order.");
      for (int begin = first; begin < last; begin += Largest) {
        const int own = std::min(Largest, last - begin);
        const bool filled = own == Largest || begin > first;
        for (int slot = 0; slot < Largest; ++slot) {
          const int place = begin + slot - (slot < own ? 0 : Largest);
          tokens.push_back(slot < own || filled ? order[static_cast<std::size_t>(place)] : 0);
        }
        counts.push_back(filled ? Largest : own);
        counts.push_back(own);
      }
    }
  }

  /// Valid as long as the lists live.
  sorted<Largest> policy() const {
    const auto groups = static_cast<index>(counts.size() / 2);
    return {host_view<const int, 2>(tokens.data(), groups, Largest),
            host_view<const int, 2>(counts.data(), groups, 2)};
  }
};

/// Where a pillar of a point cloud stands: its sample and its cell.
struct pillar {
  int sample;
  int y;
  int x;
};

/// Along which axis FlatFormer's windows follow each other.
enum class sort_axis { x, y };

/// FlatFormer's order of pillars: sample by sample, window row by window row (sort_axis::x), in a snake:
/// window columns run forth in even and back in odd rows, and so do the cells inside. Windows have `side` x
/// `side` cells; shifted ones begin half a side earlier on both axes. Pillars are distinct. Returns the
/// pillars' numbers. The key is that of the published code (mit-han-lab/flatformer).
inline std::vector<int> flat_order(std::span<const pillar> pillars, sort_axis along, bool shifted,
                                   int side = 9) {
  if (side < 1)
    throw argument_error("group::flat_order: a side of " + std::to_string(side) + "; give at least 1.");
  const int shift = shifted ? side / 2 : 0;
  long long columns = 1;
  for (const pillar& own : pillars)
    columns = std::max<long long>(columns, std::max(own.x, own.y) / side + 2LL);
  const auto key = [&](const pillar& own) {
    const long long outer = (along == sort_axis::x ? own.y : own.x) + shift;
    const long long inner = (along == sort_axis::x ? own.x : own.y) + shift;
    const long long row = outer / side;
    const long long column = inner / side;
    const long long inner_cell = inner % side;
    const long long outer_cell = outer % side;
    const long long turn = row % 2 == 0 ? 1 : -1;
    const long long cell_turn = inner_cell % 2 == 0 ? 1 : -1;
    const long long width = 2LL * side;
    return (2 * columns * row + turn * column) * width * width +
           turn * (width * inner_cell + cell_turn * outer_cell);
  };
  std::vector<int> result(pillars.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<int>(i);
  std::stable_sort(result.begin(), result.end(), [&](int a, int b) {
    const pillar& left = pillars[static_cast<std::size_t>(a)];
    const pillar& right = pillars[static_cast<std::size_t>(b)];
    return left.sample != right.sample ? left.sample < right.sample : key(left) < key(right);
  });
  return result;
}

}  // namespace byteloom::inline v0::group
