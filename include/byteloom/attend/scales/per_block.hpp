// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/scales/per_block: one factor for each 128 neighbouring queries, keys and values of a head, as block
// quantisation gives them (Shah et al., FlashAttention-3, arXiv 2407.08608, section 3.3).

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::scales {

/// `q` [batch, query heads, blocks of the call's rows], `k` [batch, key heads, blocks of keys], `v` [batch,
/// value heads, blocks of keys], numbers that are not negative. Blocks are of 128 and begin at the call's
/// first query and at the first key; the last one may be shorter. Strides are free: a stride of 0 along the
/// blocks of q gives its heads one factor each.
template <memory Where = memory::host>
struct per_block {
  using axis = axis::scales;
  static constexpr int queries_a_scale = 128;
  static constexpr int keys_a_scale = 128;
  static constexpr memory where = Where;
  template <memory Other>
  using in = per_block<Other>;

  view<const float, 3, Where> q;
  view<const float, 3, Where> k;
  view<const float, 3, Where> v;

  constexpr per_block(view<const float, 3, Where> of_queries, view<const float, 3, Where> of_keys,
                      view<const float, 3, Where> of_values)
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
    using byteloom::detail::require_room;
    require_fit("scales::per_block (queries)", "sequences", q.extent[0], call.batch);
    require_fit("scales::per_block (queries)", "heads", q.extent[1], call.query_heads);
    require_room("scales::per_block (queries)", "blocks of 128", q.extent[2], (call.queries + 127) / 128);
    require_fit("scales::per_block (keys)", "sequences", k.extent[0], call.batch);
    require_fit("scales::per_block (keys)", "heads", k.extent[1], call.key_heads);
    require_room("scales::per_block (keys)", "blocks of 128", k.extent[2], (call.keys + 127) / 128);
    require_fit("scales::per_block (values)", "sequences", v.extent[0], call.batch);
    require_fit("scales::per_block (values)", "heads", v.extent[1], byteloom::detail::value_heads_of(call));
    require_room("scales::per_block (values)", "blocks of 128", v.extent[2], (call.keys + 127) / 128);
  }

  template <class Real>
  BYTELOOM_HD Real query(int batch, int head, index row_of_call) const {
    return static_cast<Real>(q(batch, head, row_of_call / queries_a_scale));
  }
  template <class Real>
  BYTELOOM_HD Real key(int batch, int head, index key) const {
    return static_cast<Real>(k(batch, head, key / keys_a_scale));
  }
  template <class Real>
  BYTELOOM_HD Real value(int batch, int head, index key) const {
    return static_cast<Real>(v(batch, head, key / keys_a_scale));
  }
};

}  // namespace byteloom::inline v0::scales
