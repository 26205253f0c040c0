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
namespace host::detail {

/// Row r of `out` is norm(row row_of(r) of the source), and zeros where that is below 0.
template <class Source, class Norm, class Out, class RowOf>
void normalize_rows(executor on, const Source& source, const normed<Norm>& by, const host_view<Out, 2>& out,
                    const RowOf& row_of) {
  const index columns = out.extent[1];
  const double work = 8.0 * static_cast<double>(out.size());
  parallel_for(on, out.extent[0], 8, work, [&](index begin, index end) {
    std::vector<float> x(static_cast<std::size_t>(columns));
    for (index row = begin; row < end; ++row) {
      const index from = row_of(row);
      if (from < 0) {
        for (index c = 0; c < columns; ++c) out(row, c) = static_cast<Out>(0.0f);
        continue;
      }
      typename Norm::template state<float> gathered{};
      for (index c = 0; c < columns; ++c) {
        float& own = x[static_cast<std::size_t>(c)];
        own = source.load(from, c);
        by.norm.add(gathered, own);
      }
      const auto affine = by.norm.finish(gathered);
      for (index c = 0; c < columns; ++c)
        out(row, c) = static_cast<Out>(by.apply(affine, x[static_cast<std::size_t>(c)], c));
    }
  });
}

}  // namespace host::detail

/// out = norm(source), row by row, as many as `out` has; statistics are kept in float, and rows are rounded
/// to `Out` once. With norm::none: the rows as they are. A row of the source is read before that row of `out`
/// is written, so that `out` may be what the source reads at the same row. Throws nothing but std::bad_alloc.
template <class Source, class Norm, class Out>
void normalize(host::executor on, const Source& source, const normed<Norm>& by, host_view<Out, 2> out) {
  host::detail::normalize_rows(on, source, by, out, [](index row) { return row; });
}

/// The same where row r of `out` is norm(row row_of(r) of the source), and zeros where that is -1: the last
/// norm over packed rows, which brings them back to the padded batch (unpadded::back of host/unpad.hpp).
template <class Source, class Norm, class Out>
void normalize(host::executor on, const Source& source, const normed<Norm>& by,
               host_view<const int, 1> row_of, host_view<Out, 2> out) {
  host::detail::normalize_rows(on, source, by, out, [&](index row) { return index{row_of(row)}; });
}

}  // namespace byteloom::inline v0
