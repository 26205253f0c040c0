// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/documents: several documents lie one after the other in a sequence, and a query sees the keys
// of its own document alone. With mask::causal beside it this is how packed training data and padding-free
// batches attend. mask::document_spans is the faster form: it reads where a document lies, which is searched
// for here.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

/// ids [batch, keys], or [keys] for all sequences alike: the document of each position, never descending
/// within a sequence. A first extent of 1 serves every sequence.
template <memory Where = memory::host>
struct documents {
  using axis = axis::mask;
  static constexpr memory where = Where;
  template <memory Other>
  using in = documents<Other>;

  view<const int, 2, Where> ids;

  constexpr documents(view<const int, 2, Where> of_batch) : ids(of_batch) {}
  constexpr documents(view<const int, 1, Where> shared) {
    ids.data = shared.data;
    ids.extent[0] = 1;
    ids.extent[1] = shared.extent[0];
    ids.stride[1] = shared.stride[0];
  }

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(ids)};
  }

  BYTELOOM_HD constexpr bool keep(site at) const { return id(at.batch, at.query) == id(at.batch, at.key); }

  // Ids never descend: a document begins behind the keys of lower ids and ends behind those of ids up to its
  // own. Both are searched for in the same steps, so that two reads wait for memory at a time, not one.
  BYTELOOM_HD constexpr interval reach(row at) const {
    const int own = id(at.batch, at.query);
    interval found{0, 0};
    for (int left = at.keys; left > 0;) {
      const int step = (left + 1) / 2;
      found.first += id(at.batch, found.first + step - 1) < own ? step : 0;
      found.last += id(at.batch, found.last + step - 1) <= own ? step : 0;
      left -= step;
    }
    return found;
  }

  // Tight, although it reads four ids: they never descend, so two ranges of positions whose ranges of ids
  // meet share an id.
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const int first_query = id(over.batch, over.first_query);
    const int last_query = id(over.batch, over.last_query);
    const int first_key = id(over.batch, over.first_key);
    const int last_key = id(over.batch, over.last_key);
    if (last_query < first_key || last_key < first_query) return coverage::none;
    return first_query == last_key && last_query == first_key ? coverage::full : coverage::partial;
  }

  void validate() const {
    if (ids.data == nullptr)
      throw argument_error("mask::documents: the ids are a null view; give the document of each position.");
    if constexpr (Where == memory::host)
      for (index batch = 0; batch < ids.extent[0]; ++batch)
        for (index i = 1; i < ids.extent[1]; ++i)
          if (ids(batch, i) < ids(batch, i - 1))
            throw argument_error("mask::documents: ids descend at position " + std::to_string(i) +
                                 " of sequence " + std::to_string(batch) + " (" +
                                 std::to_string(ids(batch, i)) + " after " +
                                 std::to_string(ids(batch, i - 1)) +
                                 "); number the documents in the order in which they lie.");
  }
  void fits(const call_extents& call) const {
    if (ids.extent[0] != 1)
      byteloom::detail::require_room("mask::documents", "sequences", ids.extent[0], call.batch);
    byteloom::detail::require_room("mask::documents", "keys", ids.extent[1], call.keys);
  }

 private:
  BYTELOOM_HD constexpr int id(int batch, int position) const {
    return ids(ids.extent[0] == 1 ? 0 : batch, position);
  }
};

}  // namespace byteloom::inline v0::mask
