// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/window_bias: a learned bias per head and offset between query and key inside their window (Liu
// et al., Swin Transformer, arXiv 2103.14030; Video Swin Transformer, arXiv 2106.13230; MaxViT, arXiv
// 2204.01697, whose grids count in slots). It stands beside a group policy and counts in slots, so that
// windows may lie anywhere, wrap around and be spread.
//
// A score policy beside a group policy may be a function of (score, site, group_site), as this one is.

#include <cstddef>
#include <string>

#include "byteloom/attend/score/table.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/opaque.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

/// What window_bias needs to be told of its windows: `window_bias<sides<7, 7>>`.
template <int... Sides>
struct sides {
  static constexpr int axes = sizeof...(Sides);
  static_assert(axes >= 1 && ((Sides > 0) && ...),
                "byteloom: score::sides are the sides of a window, positive numbers; write sides<7, 7>.");

  /// Rows of the table: the product of 2 side - 1.
  static constexpr int rows = (1 * ... * (2 * Sides - 1));
  /// The row of offset 0.
  static constexpr int middle = rows / 2;

  /// What a slot adds to the row of an offset as the query's, and takes from it as the key's.
  BYTELOOM_HD static constexpr int row_part(int slot) {
    constexpr int own[] = {Sides...};
    int result = 0;
    int step = 1;
    BYTELOOM_UNROLL
    for (int a = axes - 1; a > 0; --a) {
      const int outer = quotient(slot, own[a]);
      result += step * (slot - outer * own[a]);
      step *= 2 * own[a] - 1;
      slot = outer;
    }
    return result + step * slot;
  }

 private:
  /// slot / side by a product, which is exact while slot * side < 2^16: the excess of the rounded reciprocal
  /// adds less than one part in `side`.
  BYTELOOM_HD static constexpr int quotient(int slot, int side) {
    constexpr int own[] = {Sides...};
    int widest = 1;
    for (int a = 0; a < axes; ++a) widest = own[a] > widest ? own[a] : widest;
    if ((1 * ... * Sides) * widest < 65536)
      return static_cast<int>(static_cast<unsigned>(slot) * ((65536u + static_cast<unsigned>(side) - 1) /
                                                             static_cast<unsigned>(side)) >>
                              16);
    return static_cast<int>(static_cast<unsigned>(slot) / static_cast<unsigned>(side));
  }
};

/// Adds table(row, query head), where slot s is the cell s of a window of `Sides`, row-major, and the row is
/// that of the offsets query - key along the axes: o + side - 1 is one digit of it in the base 2 side - 1,
/// the slowest axis first. A group of fewer tokens has the first cells.
template <class Sides, memory Where = memory::host>
struct window_bias {
  using axis = axis::score;
  static constexpr memory where = Where;
  template <memory Other>
  using in = window_bias<Sides, Other>;

  view<const float, 2, Where> table;  ///< [product of 2 side - 1, query head]; strides are free

  constexpr explicit window_bias(view<const float, 2, Where> biases) : table(biases) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(table));
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at, group_site in_group) const {
    // ints, since a site has no time for products of 64 bits
    const int stride = static_cast<int>(table.stride[0]);
    const int head = at.query_head * static_cast<int>(table.stride[1]);
    const int query = opaque(head + (Sides::row_part(in_group.query) + Sides::middle) * stride);
    const int key = opaque(Sides::row_part(in_group.key) * stride);
    return score + static_cast<Real>(table.data[query - key]);
  }

  void validate() const {
    if (table.extent[0] != Sides::rows)
      throw argument_error("score::window_bias: the table has " + std::to_string(table.extent[0]) +
                           " rows, where its window needs " + std::to_string(Sides::rows) +
                           " (the product of 2 side - 1).");
    detail::require_int_offsets("score::window_bias", table);
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::window_bias", "query heads", table.extent[1], call.query_heads);
  }
};

}  // namespace byteloom::inline v0::score
