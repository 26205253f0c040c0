// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/relative_bias: a learned bias per head and offset between query and key on a grid of 1, 2 or 3
// axes (Liu et al., Swin Transformer, arXiv 2103.14030; Hassani et al., Neighborhood Attention Transformer,
// arXiv 2204.07143; Video Swin Transformer, arXiv 2106.13230).

#include <cstddef>
#include <string>
#include <utility>

#include "byteloom/attend/score/table.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/opaque.hpp"
#include "byteloom/core/raster.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

/// Which way an offset counts.
enum class offset {
  query_minus_key,  ///< Swin
  key_minus_query,  ///< Neighborhood Attention
};

/// Adds table(row, query head), where token t stands at the grid's row-major place t, and the row is that of
/// the offsets o along the axes: with M the window along an axis, o + M - 1 is one digit of it in the base
/// 2M - 1, the slowest axis first. Offsets beyond the window count as the nearest inside.
template <int Axes, offset Offset = offset::query_minus_key, memory Where = memory::host>
struct relative_bias {
  using axis = axis::score;
  static constexpr memory where = Where;
  template <memory Other>
  using in = relative_bias<Axes, Offset, Other>;

  view<const float, 2, Where> table;  ///< [product of 2 * window - 1, query head]; strides are free
  raster<Axes> tokens;                ///< extents of the image or video
  raster<Axes> window;                ///< M along each axis

  constexpr relative_bias(view<const float, 2, Where> biases, const raster<Axes>& of_tokens,
                          const raster<Axes>& of_window)
      : relative_bias(biases, of_tokens, of_window, std::make_index_sequence<Axes>{}) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(table), tokens, window);
  }

  void validate() const {
    tokens.validate("score::relative_bias");
    window.validate("score::relative_bias");
    index rows = 1;
    for (const int own : window.extent) rows *= 2 * own - 1;
    if (table.extent[0] != rows)
      throw argument_error("score::relative_bias: the table has " + std::to_string(table.extent[0]) +
                           " rows, where its window needs " + std::to_string(rows) +
                           " (the product of 2 * window - 1).");
    detail::require_int_offsets("score::relative_bias", table);
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("score::relative_bias", "query heads", table.extent[1], call.query_heads);
  }

  /// The row of the table for a query and a key.
  BYTELOOM_HD constexpr int row_of(int query, int key) const {
    int result = 0;
    int base = 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a >= 0; --a) {
      const int outer_query = a == 0 ? 0 : along[a].quotient(query);
      const int outer_key = a == 0 ? 0 : along[a].quotient(key);
      const int own_query = opaque(query - outer_query * along[a].value);
      const int own_key = opaque(key - outer_key * along[a].value);
      const int last = window.extent[a] - 1;
      const int step = Offset == offset::key_minus_query ? own_key - own_query : own_query - own_key;
      result += base * math::min(math::max(step + last, 0), 2 * last);
      base *= 2 * last + 1;
      query = outer_query;
      key = outer_key;
    }
    return result;
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    return added(score, Real(1), at);
  }

  /// The score and `weight` times the bias.
  template <class Real>
  BYTELOOM_HD constexpr Real added(Real score, Real weight, site at) const {
    // ints, since a site has no time for products of 64 bits
    const int head = opaque(at.query_head * static_cast<int>(table.stride[1]));
    return score +
           weight * static_cast<Real>(
                        table.data[row_of(at.query, at.key) * static_cast<int>(table.stride[0]) + head]);
  }

 private:
  divisor<> along[Axes];  ///< extents of tokens

  template <std::size_t... Index>
  constexpr relative_bias(view<const float, 2, Where> biases, const raster<Axes>& of_tokens,
                          const raster<Axes>& of_window, std::index_sequence<Index...>)
      : table(biases), tokens(of_tokens), window(of_window), along{divisor<>(of_tokens.extent[Index])...} {}
};

}  // namespace byteloom::inline v0::score
