// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/ragged: sequences of different lengths one after the other along one axis of positions, without
// padding (ByteTransformer, arXiv 2210.03052): sequence b has the rows offsets[b] to offsets[b + 1] - 1.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// Offsets of the sequences of queries and of keys, [sequences + 1] each, ascending from 0, and how long the
/// longest is (a bound is enough: it sizes the work). A sequence has at least as many keys as queries. On the
/// host all of it is checked; offsets in device memory are the caller's promise.
template <memory Where>
struct ragged {
  static constexpr memory where = Where;
  view<const int, 1, Where> queries;
  view<const int, 1, Where> keys;
  int longest_queries;
  int longest_keys;

  /// Queries and keys lie alike.
  constexpr ragged(view<const int, 1, Where> both, int longest)
      : queries(both), keys(both), longest_queries(longest), longest_keys(longest) {}
  constexpr ragged(view<const int, 1, Where> of_queries, int most_of_queries,
                   view<const int, 1, Where> of_keys, int most_of_keys)
      : queries(of_queries), keys(of_keys), longest_queries(most_of_queries), longest_keys(most_of_keys) {}

  constexpr index sequences(index = 0) const { return queries.extent[0] > 0 ? queries.extent[0] - 1 : 0; }
  constexpr index most_queries(index = 0) const { return longest_queries; }
  constexpr index most_keys(index = 0) const { return longest_keys; }
};

namespace detail {

/// In place of ragged: all sequences are of one length, along an axis of their own.
struct no_offsets {
  constexpr index sequences(index batch) const { return batch; }
  constexpr index most_queries(index queries) const { return queries; }
  constexpr index most_keys(index keys) const { return keys; }
};

/// Throws shape_error where the offsets of one kind do not ascend from 0 to `rows`, or a sequence is longer
/// than it may be.
inline void require_ascending(const char* of, const host_view<const int, 1>& offsets, index rows,
                              int longest) {
  const auto fail = [&](const std::string& why) {
    throw shape_error("attend: offsets of " + std::string(of) + " " + why);
  };
  if (offsets.extent[0] < 1 || offsets(0) != 0)
    fail("do not begin with 0; give the first row of each sequence and the end.");
  for (index b = 1; b < offsets.extent[0]; ++b) {
    if (offsets(b) < offsets(b - 1))
      fail("descend at sequence " + std::to_string(b - 1) + " (" + std::to_string(offsets(b)) + " after " +
           std::to_string(offsets(b - 1)) + "); give them in the order of the rows.");
    if (offsets(b) - offsets(b - 1) > longest)
      fail("say that sequence " + std::to_string(b - 1) + " has " +
           std::to_string(offsets(b) - offsets(b - 1)) + " rows, more than the longest, " +
           std::to_string(longest) + ".");
  }
  if (offsets(offsets.extent[0] - 1) != rows)
    fail("end at " + std::to_string(offsets(offsets.extent[0] - 1)) + ", but there are " +
         std::to_string(rows) + " rows.");
}

}  // namespace detail

}  // namespace byteloom::inline v0
