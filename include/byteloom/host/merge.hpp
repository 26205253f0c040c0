// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/merge: joins outputs of attention over different keys on the host.

#include "byteloom/attend/merge.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/parallel.hpp"

namespace byteloom::inline v0 {

/// (out, lse) = the softmax attention over the keys of a and of b, whose outputs are out_a and out_b [batch,
/// queries, query heads, value size] and whose log-sum-exps (observe::log_sum_exp) are lse_a and lse_b
/// [batch, queries, query heads]. A row that has no keys in one of them has log-sum-exp minus infinity there,
/// and that output is not looked at. `out` and `lse` may be those of a or b. Throws shape_error.
template <class A, class B, class O>
void merge(host::executor on, host_view<A, 4> out_a, host_view<const float, 3> lse_a, host_view<B, 4> out_b,
           host_view<const float, 3> lse_b, host_view<O, 4> out, host_view<float, 3> lse) {
  detail::require_merge_shapes(out_a, lse_a, out_b, lse_b, out, lse);
  const index rows = out.extent[0] * out.extent[1] * out.extent[2];
  const double work = 4.0 * static_cast<double>(out.size());
  host::detail::parallel_for(on, rows, 1, work, [&](index begin, index end) {
    for (index i = begin; i < end; ++i) {
      const index head = i % out.extent[2];
      const index query = i / out.extent[2] % out.extent[1];
      const index batch = i / out.extent[2] / out.extent[1];
      const auto by = merge_by(lse_a(batch, query, head), lse_b(batch, query, head));
      for (index d = 0; d < out.extent[3]; ++d)
        out(batch, query, head, d) = static_cast<O>(by(static_cast<float>(out_a(batch, query, head, d)),
                                                       static_cast<float>(out_b(batch, query, head, d))));
      lse(batch, query, head) = by.log_sum;
    }
  });
}

}  // namespace byteloom::inline v0
