// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/map: what masks over images and videos share. Tokens are the cells of a map, in row-major
// order, and a query sees a key where a rule of each axis lets its coordinate see the key's. This is where a
// tile of tokens is cut in boxes of cells, for which the axes answer one by one.

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// One number for each axis of a map, outermost first: {rows, columns}, {frames, rows, columns}.
template <int Axes>
using per_axis = std::array<int, static_cast<std::size_t>(Axes)>;

namespace detail {

/// `Rule` says of one axis: `bool keep(int query, int key)`, `coverage cover(int first_query, int last_query,
/// int first_key, int last_key)`, which is tight, and `int count(int query, int extent)`.
template <int Axes, class Rule>
struct map_mask {
  using axis = axis::mask;
  static_assert(
      Axes >= 1 && Axes <= 3,
      "byteloom: a mask over a map of tokens has one, two or three axes; fold further ones into the "
      "batch.");

  divisor<> extent[Axes];
  Rule rule[Axes];

  BYTELOOM_HD constexpr bool keep(site at) const {
    int query = at.query;
    int key = at.key;
    bool kept = true;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a > 0; --a) {
      const int outer_query = extent[a].quotient(query);
      const int outer_key = extent[a].quotient(key);
      kept = kept && rule[a].keep(query - outer_query * extent[a].value, key - outer_key * extent[a].value);
      query = outer_query;
      key = outer_key;
    }
    return kept && rule[0].keep(query, key);
  }

  /// Tight. Tiles whose outermost coordinates do not meet, which are most, are found at once.
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const coverage outermost = rule[0].cover(outermost_of(over.first_query), outermost_of(over.last_query),
                                             outermost_of(over.first_key), outermost_of(over.last_key));
    if (Axes == 1 || outermost == coverage::none) return outermost;
    parts sum;
    for (int query = over.first_query; query <= over.last_query;) {
      const box queries = front(query, over.last_query);
      for (int key = over.first_key; key <= over.last_key;) {
        sum.add(cover_boxes(queries, front(key, over.last_key)));
        if (sum.decided()) return coverage::partial;
      }
    }
    return sum.joined();
  }

  /// -1 where some cells of the map have no key yet, as in a cache that is being filled.
  BYTELOOM_HD constexpr int count(row of) const {
    if (of.keys != tokens()) return -1;
    int query = of.query;
    int product = 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a > 0; --a) {
      product *= rule[a].count(extent[a].remainder(query), extent[a].value);
      query = extent[a].quotient(query);
    }
    return product * rule[0].count(query, extent[0].value);
  }

 protected:
  constexpr map_mask(const per_axis<Axes>& extents, const std::array<Rule, Axes>& rules)
      : map_mask(extents, rules, std::make_index_sequence<Axes>{}) {}

  /// Throws argument_error where an extent is below 1 or the map has more tokens than an int counts.
  void validate_map(const char* name) const {
    long long product = 1;
    for (const divisor<>& of : extent) {
      if (of.value < 1)
        throw argument_error(std::string(name) + ": a map with an extent of " + std::to_string(of.value) +
                             "; give extents of at least 1.");
      product *= of.value;
      if (product > std::numeric_limits<int>::max())
        throw argument_error(std::string(name) +
                             ": a map of more tokens than a position counts; give one of less than 2^31.");
    }
  }

  /// Throws shape_error unless the keys are the cells of the map. A cache may hold fewer: it is filled in the
  /// map's order, and all that matters is that every position lies on the map.
  void fits_map(const char* name, const call_extents& call) const {
    if (call.cached) {
      byteloom::detail::require_room(name, "keys", tokens(), call.keys);
    } else {
      byteloom::detail::require_fit(name, "keys", tokens(), call.keys);
    }
  }

 private:
  struct box {
    int first[Axes];
    int last[Axes];
  };

  template <std::size_t... Index>
  constexpr map_mask(const per_axis<Axes>& extents, const std::array<Rule, Axes>& rules,
                     std::index_sequence<Index...>)
      : extent{divisor<>(extents[Index])...}, rule{rules[Index]...} {}

  BYTELOOM_HD constexpr int tokens() const {
    int product = 1;
    BYTELOOM_UNROLL
    for (int a = 0; a < Axes; ++a) product *= extent[a].value;
    return product;
  }

  BYTELOOM_HD constexpr int outermost_of(int token) const {
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a > 0; --a) token = extent[a].quotient(token);
    return token;
  }

  /// Cuts the largest box off the front of the tokens first..last: as many whole slices of one axis as there
  /// are. No run of tokens has more than 2 Axes - 1 boxes. The loops have constant bounds and the axis is
  /// compared, not indexed with, so that a kernel keeps all of this in registers.
  BYTELOOM_HD constexpr box front(int& first, int last) const {
    int at[Axes] = {};
    int slices[Axes] = {};
    int token = first;
    int left = last - first + 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a >= 0; --a) {
      slices[a] = left;
      at[a] = token;
      if (a == 0) break;
      token = extent[a].quotient(token);
      at[a] -= token * extent[a].value;
      left = extent[a].quotient(left);
    }
    int along = Axes - 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 2; a >= 0; --a)
      if (along == a + 1 && at[a + 1] == 0 && slices[a] > 0) along = a;
    box result{};
    int taken = 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a >= 0; --a) {
      if (a > along) {
        result.first[a] = 0;
        result.last[a] = extent[a].value - 1;
        taken *= extent[a].value;
      } else if (a == along) {
        const int number = a == 0 ? slices[a] : math::min(slices[a], extent[a].value - at[a]);
        result.first[a] = at[a];
        result.last[a] = at[a] + number - 1;
        taken *= number;
      } else {
        result.first[a] = at[a];
        result.last[a] = at[a];
      }
    }
    first += taken;
    return result;
  }

  BYTELOOM_HD constexpr coverage cover_boxes(const box& queries, const box& keys) const {
    coverage least = coverage::full;
    BYTELOOM_UNROLL
    for (int a = 0; a < Axes; ++a) {
      const coverage own = rule[a].cover(queries.first[a], queries.last[a], keys.first[a], keys.last[a]);
      least = own < least ? own : least;
    }
    return least;
  }
};

}  // namespace detail
}  // namespace byteloom::inline v0::mask
