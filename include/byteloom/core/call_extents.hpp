// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/call_extents: the extents of one attention call, for policies that carry data or counts which must fit
// them. Such a policy offers `void fits(const call_extents& call) const`, which throws shape_error with a
// sentence that names the policy; every backend asks before it runs.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

struct call_extents {
  index batch;    ///< sequences
  index queries;  ///< queries of each sequence in this call
  index keys;     ///< keys of each sequence; of a cache, its capacity
  index query_heads;
  index key_heads;
  index size;              ///< dimensions of a query's and a key's head
  bool cached = false;     ///< whether keys come from a cache, so that a sequence may have fewer than `keys`
  index value_size = 0;    ///< dimensions of a value's and an output's head
  index output_heads = 0;  ///< query heads, or fewer where several maps share a value
};

namespace detail {

/// Heads of the values: fewer than those of the keys where several maps share a value.
inline index value_heads_of(const call_extents& call) {
  const index output_heads = call.output_heads == 0 ? call.query_heads : call.output_heads;
  return call.key_heads * output_heads / call.query_heads;
}

/// Throws shape_error unless a policy's data has exactly `wanted` of something.
inline void require_fit(const char* policy, const char* what, index found, index wanted) {
  if (found != wanted)
    throw shape_error(std::string(policy) + ": its data is for " + std::to_string(found) + " " + what +
                      ", but this call has " + std::to_string(wanted) + ".");
}

/// The same for data that may be longer than needed.
inline void require_room(const char* policy, const char* what, index found, index wanted) {
  if (found < wanted)
    throw shape_error(std::string(policy) + ": its data is for " + std::to_string(found) + " " + what +
                      ", but this call has " + std::to_string(wanted) + ".");
}

}  // namespace detail

}  // namespace byteloom::inline v0
