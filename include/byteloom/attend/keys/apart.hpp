// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/keys/apart: keys that are not the queries' own sequence, such as an encoder's output, pooled tokens
// or summaries of blocks. Their number says nothing about where the queries stand, and may be smaller.
//
// A policy of keys offers `index first_query(index queries, index keys)`, the position of the call's first
// query. Without one the queries are the last positions of the keys: keys - queries.

#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::keys {

/// Queries stand at `first`, first + 1, ... of their own sequence; keys at 0, 1, ... of theirs.
struct apart {
  using axis = axis::keys;
  int first = 0;

  void validate() const {
    if (first < 0)
      throw argument_error("keys::apart: no query stands at position " + std::to_string(first) +
                           "; give 0 or more.");
  }

  BYTELOOM_HD constexpr index first_query(index, index) const { return first; }
};

}  // namespace byteloom::inline v0::keys
