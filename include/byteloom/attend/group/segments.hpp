// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/group/segments: a group is a run of tokens: the bytes of a word, a document, one sequence of a
// padding-free batch whose sequences lie end to end. Their lengths may differ.

#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::group {

namespace detail {

/// offsets [groups + 1], ascending: group g has the tokens offsets(g) to offsets(g + 1) - 1, at most
/// `Largest`, perhaps none.
template <int Largest, memory Where>
struct runs {
  using axis = axis::group;
  static_assert(Largest > 0,
                "byteloom: group::segments and group::pooled have a bound of the tokens of a group as part "
                "of their type, a "
                "positive number; write segments<64>.");
  static constexpr memory where = Where;
  static constexpr int largest = Largest;

  view<const int, 1, Where> offsets;

  BYTELOOM_HD constexpr int groups() const { return static_cast<int>(offsets.extent[0]) - 1; }
  BYTELOOM_HD constexpr int size(int group) const { return offsets(group + 1) - offsets(group); }
  BYTELOOM_HD constexpr int token(int group, int slot) const { return offsets(group) + slot; }

  BYTELOOM_HD constexpr int slot_of(int token) const { return token - offsets(run_of(token)); }

  void fits(const call_extents& call) const {
    if constexpr (Where == memory::host)
      byteloom::detail::require_room("group: segments", "tokens", call.keys, offsets(groups()));
  }

 protected:
  /// The last run that begins at or before a token and is not empty; -1 where none holds it.
  BYTELOOM_HD constexpr int run_of(int token) const {
    int first = 0;
    int last = groups();
    if (token < offsets(0) || token >= offsets(last)) return -1;
    while (last - first > 1) {
      const int middle = first + (last - first) / 2;
      (offsets(middle) <= token ? first : last) = middle;
    }
    return first;
  }

  /// Throws argument_error; offsets in device memory are taken as they are.
  void validate_runs(const char* name) const {
    if (offsets.data == nullptr || offsets.extent[0] < 1)
      throw argument_error(std::string(name) +
                           ": no offsets; give where each group begins, and the end of the last.");
    if constexpr (Where == memory::host) {
      if (offsets(0) < 0)
        throw argument_error(std::string(name) + ": the first group begins at " + std::to_string(offsets(0)) +
                             "; tokens count from 0.");
      for (int g = 0; g < groups(); ++g)
        if (size(g) < 0 || size(g) > Largest)
          throw argument_error(std::string(name) + ": group " + std::to_string(g) + " goes from " +
                               std::to_string(offsets(g)) + " to " + std::to_string(offsets(g + 1)) +
                               "; give ascending offsets at most " + std::to_string(Largest) +
                               " apart, or raise the type's bound.");
    }
  }
};

}  // namespace detail

/// Tokens attend to their own run: `segments<64>({offsets, words + 1})`. Tokens before the first and after
/// the last offset are of no group. The attention inside words of Learn Your Tokens (arXiv 2310.11628) and of
/// hierarchical byte models (arXiv 2501.10322), inside patches of TNT (arXiv 2103.00112), and of padding-free
/// batches (ByteTransformer, arXiv 2210.03052).
template <int Largest, memory Where = memory::host>
struct segments : detail::runs<Largest, Where> {
  template <memory Other>
  using in = segments<Largest, Other>;

  constexpr segments(view<const int, 1, Where> of_groups) : detail::runs<Largest, Where>{of_groups} {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(this->offsets)};
  }

  BYTELOOM_HD constexpr int group_of(int token) const { return this->run_of(token); }

  void validate() const { this->validate_runs("group::segments"); }
};

/// `Queries` queries of its own attend to each run: those of group g are the rows Queries * g and on of the
/// call, learned queries for example (Byte2Word, arXiv 2211.12677): `pooled<1, 64>({offsets, words + 1})`.
template <int Queries, int Largest, memory Where = memory::host>
struct pooled : detail::runs<Largest, Where> {
  static_assert(Queries > 0,
                "byteloom: group::pooled has a number of queries for each group, which is positive; write "
                "pooled<1, 64>.");
  static constexpr int queries = Queries;
  template <memory Other>
  using in = pooled<Queries, Largest, Other>;

  constexpr pooled(view<const int, 1, Where> of_groups) : detail::runs<Largest, Where>{of_groups} {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(this->offsets)};
  }

  void validate() const { this->validate_runs("group::pooled"); }

  void fits(const call_extents& call) const {
    detail::runs<Largest, Where>::fits(call);
    byteloom::detail::require_fit("group::pooled", "queries", index{Queries} * this->groups(), call.queries);
  }
};

}  // namespace byteloom::inline v0::group
