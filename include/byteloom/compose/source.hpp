// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/source: where a stage (compose/stage.hpp) reads its rows. A source is a small value with
//
//   float load(index row, index column)
//
// which both backends call; anything with that function is one. Sources are made of others, so that what
// stands between two matrices (a sum, a list of rows, neighbours side by side) needs no pass of its own.

#include "byteloom/core/division.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::source {

/// Rows of a matrix.
template <memory Where, class T = float>
struct rows {
  view<const T, 2, Where> x;  ///< [row, column]

  BYTELOOM_HD float load(index row, index column) const { return static_cast<float>(x(row, column)); }
};

/// Every `group` neighbouring rows of a matrix as one: their mean.
template <memory Where>
struct mean_of_rows {
  view<const float, 2, Where> x;  ///< [row, column]
  index group = 1;

  BYTELOOM_HD float load(index row, index column) const {
    float sum = 0;
    for (index i = 0; i < group; ++i) sum += x(row * group + i, column);
    return sum / static_cast<float>(group);
  }
};

/// The sum of two sources: an embedding and its position, a residual and what it is added to.
template <class A, class B>
struct sum {
  A first;
  B second;

  BYTELOOM_HD float load(index row, index column) const {
    return first.load(row, column) + second.load(row, column);
  }
};
template <class A, class B>
sum(A, B) -> sum<A, B>;  // clang 14 finds none for an aggregate

/// The product of two sources, number by number.
template <class A, class B>
struct product {
  A first;
  B second;

  BYTELOOM_HD float load(index row, index column) const {
    return first.load(row, column) * second.load(row, column);
  }
};
template <class A, class B>
product(A, B) -> product<A, B>;

/// f of each number of another source: an activation (compose/activation.hpp) that follows no matrix.
template <class A, class F>
struct activated {
  A from;
  F activation{};

  BYTELOOM_HD float load(index row, index column) const { return activation(from.load(row, column)); }
};
template <class A, class F>
activated(A, F) -> activated<A, F>;

/// Each row of another source `times` times in a row: what belongs to a whole map or sequence, for each of
/// its cells or tokens.
template <class A>
struct repeated {
  A from;
  index times;

  BYTELOOM_HD float load(index row, index column) const { return from.load(quotient(row, times), column); }
};
template <class A>
repeated(A, index) -> repeated<A>;

/// x * (1 + scale) + shift: rows of another source, normed as a rule, that a condition modulates (adaptive
/// layer norm: Peebles and Xie, DiT, arXiv 2212.09748). Row r has the scale and the shift of condition
/// of_row(r), and stays as it is where that is -1. epilogue::modulated is the gate behind the matrices.
template <class A, memory Where>
struct modulated {
  A from;
  view<const float, 2, Where> shift;  ///< [condition, column]
  view<const float, 2, Where> scale;  ///< the same
  view<const int, 1, Where> of_row;   ///< [row]

  BYTELOOM_HD float load(index row, index column) const {
    const float x = from.load(row, column);
    const int condition = of_row(row);
    return condition < 0 ? x : x * (1.0f + scale(condition, column)) + shift(condition, column);
  }
};
template <class A, memory Where>
modulated(A, view<const float, 2, Where>, view<const float, 2, Where>, view<const int, 1, Where>)
    -> modulated<A, Where>;

/// The columns of one source, `columns` of them, and then those of another.
template <class A, class B>
struct beside {
  A first;
  index columns;
  B second;

  BYTELOOM_HD float load(index row, index column) const {
    return column < columns ? first.load(row, column) : second.load(row, column - columns);
  }
};
template <class A, class B>
beside(A, index, B) -> beside<A, B>;

/// Row r is row of_row(r) of another source, and zeros where that is -1: a lookup in a table, packed rows of
/// a padded batch and back, a map that is padded, rolled or cropped.
template <class A, memory Where>
struct picked {
  A from;
  view<const int, 1, Where> of_row;

  BYTELOOM_HD float load(index row, index column) const {
    const int chosen = of_row(row);
    return chosen < 0 ? 0.0f : from.load(chosen, column);
  }
};
template <class A, memory Where>
picked(A, view<const int, 1, Where>) -> picked<A, Where>;

/// Maps of rows x columns cells whose every side x side cells become one, the numbers of the cells one behind
/// the other, column by column: (0, 0), (1, 0), (0, 1), (1, 1) (row, column) in the patch merging of Swin
/// (Liu et al., arXiv 2103.14030). `width` numbers a cell; rows and columns are multiples of side.
template <class A>
struct merged_cells {
  A from;
  index rows;
  index columns;
  index width;
  index side = 2;

  BYTELOOM_HD float load(index row, index column) const {
    const index across = quotient(columns, side);
    const index band = quotient(row, across);  // of all maps: they lie one behind the other
    const index part = quotient(column, width);
    const index y = band * side + remainder(part, side);
    const index x = (row - band * across) * side + quotient(part, side);
    return from.load(y * columns + x, column - part * width);
  }
};
template <class A>
merged_cells(A, index, index, index, index) -> merged_cells<A>;
template <class A>
merged_cells(A, index, index, index) -> merged_cells<A>;

/// Maps of rows x columns cells whose every side x side cells become one, their mean: the keys of HiLo's
/// Lo-Fi heads (Pan et al., arXiv 2205.13213). Rows and columns are multiples of side.
template <class A>
struct mean_of_cells {
  A from;
  index rows;
  index columns;
  index side = 2;

  BYTELOOM_HD float load(index row, index column) const {
    const index across = quotient(columns, side);
    const index band = quotient(row, across);
    const index first = band * side * columns + (row - band * across) * side;
    float total = 0;
    for (index y = 0; y < side; ++y)
      for (index x = 0; x < side; ++x) total += from.load(first + y * columns + x, column);
    return total / static_cast<float>(side * side);
  }
};
template <class A>
mean_of_cells(A, index, index, index) -> mean_of_cells<A>;

/// Sequences of `tokens` rows whose every `block` rows become one, their sum; rows beyond the last whole
/// block belong to that, and a sequence of less than a block has none: the transient global tokens of LongT5
/// (Guo et al., arXiv 2112.07916).
template <class A>
struct sum_of_blocks {
  A from;
  index tokens;
  index block = 16;

  /// Rows of one sequence.
  BYTELOOM_HD constexpr index blocks() const { return tokens / block; }

  BYTELOOM_HD float load(index row, index column) const {
    const index sequence = quotient(row, blocks());
    const index own = row - sequence * blocks();
    const index end = own == blocks() - 1 ? tokens : (own + 1) * block;
    float total = 0;
    for (index i = own * block; i < end; ++i) total += from.load(sequence * tokens + i, column);
    return total;
  }
};
template <class A>
sum_of_blocks(A, index, index) -> sum_of_blocks<A>;

}  // namespace byteloom::inline v0::source
