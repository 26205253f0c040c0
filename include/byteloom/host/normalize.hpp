// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/normalize: rows that pass a norm and are kept, where no matrix follows at once: post-norm blocks,
// norms behind a sub-layer, embeddings, maps that are padded after their norm.

#include <vector>

#include "byteloom/compose/norm.hpp"
#include "byteloom/compose/stage.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/parallel.hpp"

namespace byteloom::inline v0 {

/// out = norm(source), row by row, as many as `out` has; statistics are kept in float, and rows are rounded
/// to `Out` once. With norm::none: the rows as they are. A row of the source is read before that row of `out`
/// is written, so that `out` may be what the source reads at the same row. Throws nothing but std::bad_alloc.
template <class Source, class Norm, class Out>
void normalize(host::executor on, const Source& source, const normed<Norm>& by, host_view<Out, 2> out) {
  const index columns = out.extent[1];
  const double work = 8.0 * static_cast<double>(out.size());
  host::detail::parallel_for(on, out.extent[0], 8, work, [&](index begin, index end) {
    std::vector<float> x(static_cast<std::size_t>(columns));
    for (index row = begin; row < end; ++row) {
      typename Norm::template state<float> gathered{};
      for (index c = 0; c < columns; ++c) {
        float& own = x[static_cast<std::size_t>(c)];
        own = source.load(row, c);
        by.norm.add(gathered, own);
      }
      const auto affine = by.norm.finish(gathered);
      for (index c = 0; c < columns; ++c)
        out(row, c) = static_cast<Out>(by.apply(affine, x[static_cast<std::size_t>(c)], c));
    }
  });
}

}  // namespace byteloom::inline v0
