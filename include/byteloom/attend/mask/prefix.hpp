// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/prefix: queries see the whole prefix of a sequence and, after it, the keys up to their own
// position (the prefix language model of T5, arXiv 1910.10683). The prefix attends to itself in both
// directions.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

BYTELOOM_EXTENT(length)

BYTELOOM_HD constexpr bool in_prefix(site at, int length) { return at.key < length || at.key <= at.query; }
BYTELOOM_HD constexpr coverage in_prefix(tile over, int length) {
  if (over.first_key >= length && over.first_key > over.last_query) return coverage::none;
  return over.last_key < length || over.last_key <= over.first_query ? coverage::full : coverage::partial;
}
BYTELOOM_HD constexpr interval in_prefix(row of, int length) {
  return {0, math::max(of.query + 1, math::min(length, of.keys))};
}

}  // namespace detail

/// One prefix length for all sequences: `prefix<256>`, or `prefix<>{{length}}`; 0 is mask::causal.
template <int Length = dynamic>
struct prefix : detail::length_extent<Length> {
  using axis = axis::mask;
  static constexpr bool rises = true;

  BYTELOOM_HD constexpr bool keep(site at) const { return detail::in_prefix(at, this->length); }
  BYTELOOM_HD constexpr coverage cover(tile over) const { return detail::in_prefix(over, this->length); }
  BYTELOOM_HD constexpr interval reach(row of) const { return detail::in_prefix(of, this->length); }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (this->length < 0)
      throw argument_error("mask::prefix: a prefix of " + std::to_string(int{this->length}) +
                           " keys; give 0 for none, or its length.");
  }
};

/// A prefix length for each sequence: lengths [batch], from 0 on.
template <memory Where = memory::host>
struct prefix_by_batch {
  using axis = axis::mask;
  static constexpr bool rises = true;
  static constexpr memory where = Where;
  template <memory Other>
  using in = prefix_by_batch<Other>;

  view<const int, 1, Where> lengths;

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(lengths)};
  }

  BYTELOOM_HD constexpr bool keep(site at) const { return detail::in_prefix(at, lengths(at.batch)); }
  BYTELOOM_HD constexpr coverage cover(tile over) const {
    return detail::in_prefix(over, lengths(over.batch));
  }
  BYTELOOM_HD constexpr interval reach(row of) const { return detail::in_prefix(of, lengths(of.batch)); }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (lengths.data == nullptr)
      throw argument_error("mask::prefix_by_batch: the lengths are a null view; give one length a sequence.");
    if constexpr (Where == memory::host)
      for (index i = 0; i < lengths.extent[0]; ++i)
        if (lengths(i) < 0)
          throw argument_error("mask::prefix_by_batch: sequence " + std::to_string(i) + " has a prefix of " +
                               std::to_string(lengths(i)) + " keys; give 0 for none, or its length.");
  }
  void fits(const call_extents& call) const {
    byteloom::detail::require_room("mask::prefix_by_batch", "sequences", lengths.extent[0], call.batch);
  }
};

}  // namespace byteloom::inline v0::mask
