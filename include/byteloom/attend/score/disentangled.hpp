// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/disentangled: what the content of queries and keys says of the distance between them, from
// content to position and from position to content (He et al., DeBERTa, arXiv 2006.03654). The products of
// contents with the vectors of distances are matrices that are made before the attention, one number for each
// row, head and distance; this policy looks them up.

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score {

/// Adds of_queries(row of i, query head, d(i - j)) and of_keys(row of j, key head, d(j - i)) for query i and
/// key j, where d(x) is x + span, from 0 to 2 span - 1: q_i . Kr_d and k_j . Qr_d in the paper's terms.
/// Position i of sequence b is row offsets(b) + i, and b * keys + i where there are no offsets. The paper
/// divides all three terms by sqrt(3 size): write `disentangled, scale` with that factor.
template <memory Where = memory::host>
struct disentangled {
  using axis = axis::score;
  static constexpr memory where = Where;
  template <memory Other>
  using in = disentangled<Other>;

  view<const float, 3, Where> of_queries;  ///< [row, query head, 2 span]
  view<const float, 3, Where> of_keys;     ///< [row, key head, 2 span]
  view<const int, 1, Where> offsets;       ///< [sequences + 1], as of ragged sequences; no data: none

  constexpr disentangled(view<const float, 3, Where> by_queries, view<const float, 3, Where> by_keys,
                         view<const int, 1, Where> of_sequences = {})
      : of_queries(by_queries), of_keys(by_keys), offsets(of_sequences) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    const auto a = f(of_queries), b = f(of_keys);
    return in<Other>(a, b, f(offsets));
  }

  void validate() const {
    const index distances = of_queries.extent[2];
    if (distances < 2 || distances % 2 != 0 || of_keys.extent[2] != distances)
      throw argument_error("score::disentangled: " + std::to_string(distances) +
                           " distances of queries and " + std::to_string(of_keys.extent[2]) +
                           " of keys; give twice the span for each, an even number of at least 2.");
  }

  void fits(const call_extents& call) const {
    namespace detail = byteloom::detail;
    detail::require_fit("score::disentangled", "query heads", of_queries.extent[1], call.query_heads);
    detail::require_fit("score::disentangled", "key heads", of_keys.extent[1], call.key_heads);
    index rows = call.batch * call.keys;
    if (offsets.data != nullptr) {
      detail::require_fit("score::disentangled", "offsets", offsets.extent[0], call.batch + 1);
      if constexpr (Where == memory::host) rows = offsets(call.batch);
    }
    if (offsets.data == nullptr || Where == memory::host)
      for (const index found : {of_queries.extent[0], of_keys.extent[0]})
        detail::require_room("score::disentangled", "rows", found, rows);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    return added(score, Real(1), at);
  }

  /// The score and `weight` times the two terms.
  template <class Real>
  BYTELOOM_HD constexpr Real added(Real score, Real weight, site at) const {
    const index first = offsets.data != nullptr ? index{offsets(at.batch)} : index{at.batch} * at.keys;
    const int span = static_cast<int>(of_queries.extent[2] / 2);
    const int apart = at.query - at.key;
    const float by_query = of_queries(first + at.query, at.query_head, from_start(apart, span));
    const float by_key = of_keys(first + at.key, at.key_head, from_start(-apart, span));
    return score + weight * static_cast<Real>(by_query + by_key);
  }

 private:
  BYTELOOM_HD static constexpr int from_start(int distance, int span) {
    return math::max(0, math::min(distance + span, 2 * span - 1));
  }
};

}  // namespace byteloom::inline v0::score
