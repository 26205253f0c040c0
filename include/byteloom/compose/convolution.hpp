// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/convolution: convolutions over maps of cells, as sources of a stage (compose/source.hpp). A map is
// `rows` x `columns` cells, one row of its source each, row by row; several maps lie one behind the other.
// Images [image, height, width, channels] are such maps: rows of one pixel each.
//
// A dense convolution is a stage like any other: `unfolded` lays what a filter covers side by side, and the
// stage's matrix is the filters. One of 1 x 1 cells needs no source of its own.

#include "byteloom/core/division.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::source {

/// How a filter of `side` x `side` cells moves over a map: `stride` cells on for each of its outputs, over
/// `before` cells of zeros in front of each axis and `behind` ones after it. Outputs are as many as fit:
/// `{3, 2, 1, 1}` halves a map and rounds up; TensorFlow's SAME halves an even one by `{3, 2, 0, 1}`.
struct filter {
  index side = 3;
  index stride = 1;
  index before = 0;
  index behind = 0;

  /// Outputs along an axis of so many cells, at least side - before - behind of them.
  BYTELOOM_HD constexpr index outputs(index cells) const {
    return (cells + before + behind - side) / stride + 1;
  }
};

namespace detail {

/// A map under a filter.
template <class A>
struct filtered {
  A from;
  index rows;
  index columns;
  filter by;

  /// Number `column` of the cell that part `part` of the filter covers at output `row`; 0 beside the map.
  BYTELOOM_HD float covered(index row, index part, index column) const {
    const index across = by.outputs(columns);
    const index down = by.outputs(rows);
    const index band = quotient(row, across);
    const index map = quotient(band, down);
    const index of_part = quotient(part, by.side);
    const index y = (band - map * down) * by.stride + of_part - by.before;
    const index x = (row - band * across) * by.stride + (part - of_part * by.side) - by.before;
    if (y < 0 || y >= rows || x < 0 || x >= columns) return 0.0f;
    return from.load((map * rows + y) * columns + x, column);
  }
};

}  // namespace detail

/// What a filter covers at each of its outputs, row by row over a map, then over the next one: the numbers of
/// the cells, `width` a cell, in the order (y, x, number). Rows outside the maps are never asked for.
template <class A>
struct unfolded {
  detail::filtered<A> map;
  index width;

  constexpr unfolded(A from, index rows, index columns, index numbers, filter by)
      : map{from, rows, columns, by}, width(numbers) {}

  BYTELOOM_HD float load(index row, index column) const {
    const index part = quotient(column, width);
    return map.covered(row, part, column - part * width);
  }
};

/// A filter for each number of a cell, which sees that number alone: the depthwise convolution of MobileNets
/// (Howard et al., arXiv 1704.04861). weights [side * side, numbers of a cell], the filter's cells in the
/// order (y, x); strides are free.
template <class A, memory Where>
struct depthwise {
  detail::filtered<A> map;
  view<const float, 2, Where> weights;

  constexpr depthwise(A from, index rows, index columns, filter by, view<const float, 2, Where> of_filters)
      : map{from, rows, columns, by}, weights(of_filters) {}

  BYTELOOM_HD float load(index row, index column) const {
    float sum = 0;
    for (index part = 0; part < map.by.side * map.by.side; ++part)
      sum += weights(part, column) * map.covered(row, part, column);
    return sum;
  }
};

}  // namespace byteloom::inline v0::source
