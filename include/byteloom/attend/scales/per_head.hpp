// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/scales/per_head: one factor for each head of each sequence.

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::scales {

/// `q` [batch, query heads], `k` [batch, key heads], `v` [batch, value heads], numbers that are not negative.
/// Strides are free: with a stride of 0 along the batch all sequences share the factors of their heads.
template <memory Where = memory::host>
struct per_head {
  using axis = axis::scales;
  static constexpr int queries_a_scale = 0;
  static constexpr int keys_a_scale = 0;
  static constexpr memory where = Where;
  template <memory Other>
  using in = per_head<Other>;

  view<const float, 2, Where> q;
  view<const float, 2, Where> k;
  view<const float, 2, Where> v;

  constexpr per_head(view<const float, 2, Where> of_queries, view<const float, 2, Where> of_keys,
                     view<const float, 2, Where> of_values)
      : q(of_queries), k(of_keys), v(of_values) {}

  // every view once, in order
  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto of_queries = f(q);
    const auto of_keys = f(k);
    return in<Other>(of_queries, of_keys, f(v));
  }

  void fits(const call_extents& call) const {
    using byteloom::detail::require_fit;
    require_fit("scales::per_head (queries)", "sequences", q.extent[0], call.batch);
    require_fit("scales::per_head (queries)", "heads", q.extent[1], call.query_heads);
    require_fit("scales::per_head (keys)", "sequences", k.extent[0], call.batch);
    require_fit("scales::per_head (keys)", "heads", k.extent[1], call.key_heads);
    require_fit("scales::per_head (values)", "sequences", v.extent[0], call.batch);
    require_fit("scales::per_head (values)", "heads", v.extent[1], byteloom::detail::value_heads_of(call));
  }

  template <class Real>
  BYTELOOM_HD Real query(int batch, int head, index) const {
    return static_cast<Real>(q(batch, head));
  }
  template <class Real>
  BYTELOOM_HD Real key(int batch, int head, index) const {
    return static_cast<Real>(k(batch, head));
  }
  template <class Real>
  BYTELOOM_HD Real value(int batch, int head, index) const {
    return static_cast<Real>(v(batch, head));
  }
};

}  // namespace byteloom::inline v0::scales
