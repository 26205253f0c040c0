// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/document_spans: mask::documents, told where the document of each position begins and ends in
// place of which it is. What a row reaches is then read and not searched for; worth the preparation where one
// batch is attended more than once, as by the layers of a model.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

/// spans [batch, keys, 2], or [1, keys, 2] for all sequences alike: the first position of the document at
/// each position, and one past its last. Documents lie one after the other and none is empty.
template <memory Where = memory::host>
struct document_spans {
  using axis = axis::mask;
  static constexpr bool rises = true;
  static constexpr memory where = Where;
  template <memory Other>
  using in = document_spans<Other>;

  view<const int, 3, Where> spans;

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(spans)};
  }

  BYTELOOM_HD constexpr bool keep(site at) const {
    const interval own = of(at.batch, at.query);
    return at.key >= own.first && at.key < own.last;
  }
  BYTELOOM_HD constexpr interval reach(row at) const { return of(at.batch, at.query) & interval{0, at.keys}; }

  // Tight: documents leave no gap, so the keys of a tile's queries lie next to each other.
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const interval first = of(over.batch, over.first_query);
    const interval last = of(over.batch, over.last_query);
    if (over.last_key < first.first || over.first_key >= last.last) return coverage::none;
    return over.first_key >= last.first && over.last_key < first.last ? coverage::full : coverage::partial;
  }

  void validate() const {
    if (spans.data == nullptr)
      throw argument_error(
          "mask::document_spans: the spans are a null view; give each position's document's first position "
          "and one past "
          "its last.");
    if (spans.extent[2] != 2)
      throw shape_error(
          "mask::document_spans: " + std::to_string(spans.extent[2]) +
          " numbers a position; give two, where its document begins and one past where it ends.");
    if constexpr (Where == memory::host)
      for (index batch = 0; batch < spans.extent[0]; ++batch)
        for (index i = 0; i < spans.extent[1]; ++i) {
          const interval own = of(static_cast<int>(batch), static_cast<int>(i));
          const bool begins = own.first == i;
          const bool goes_on =
              i > 0 && own.first == spans(batch, i - 1, 0) && own.last == spans(batch, i - 1, 1);
          const bool after = i == 0 || begins == (spans(batch, i - 1, 1) == i);
          if (own.last <= i || !(begins || goes_on) || !after)
            throw argument_error(
                "mask::document_spans: position " + std::to_string(i) + " of sequence " +
                std::to_string(batch) + " is said to lie in [" + std::to_string(own.first) + ", " +
                std::to_string(own.last) +
                "), which does not follow what lies before it; give all positions of a document "
                "its first position and one past its last.");
        }
  }
  void fits(const call_extents& call) const {
    if (spans.extent[0] != 1)
      byteloom::detail::require_room("mask::document_spans", "sequences", spans.extent[0], call.batch);
    byteloom::detail::require_room("mask::document_spans", "keys", spans.extent[1], call.keys);
  }

 private:
  BYTELOOM_HD constexpr interval of(int batch, int position) const {
    const int* own =
        spans.data + (spans.extent[0] == 1 ? 0 : batch) * spans.stride[0] + position * spans.stride[1];
    return {own[0], own[spans.stride[2]]};
  }
};

/// The spans of one sequence whose documents have these lengths, [sum of lengths, 2].
inline std::vector<int> spans_of_documents(std::span<const int> lengths) {
  std::vector<int> result;
  int first = 0;
  for (const int length : lengths) {
    if (length <= 0)
      throw argument_error("mask::spans_of_documents: a document of " + std::to_string(length) +
                           " positions; each has one at least.");
    for (int i = 0; i < length; ++i) result.insert(result.end(), {first, first + length});
    first += length;
  }
  return result;
}

}  // namespace byteloom::inline v0::mask
