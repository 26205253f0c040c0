// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/table: what score policies that read a table at each site ask of it.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::score::detail {

/// Throws argument_error unless an int holds the distance of any two elements of the table.
template <memory Where>
void require_int_offsets(const char* policy, const view<const float, 2, Where>& table) {
  index span = 0;
  for (int axis = 0; axis < 2; ++axis) {
    const index own = table.stride[axis] < 0 ? -table.stride[axis] : table.stride[axis];
    if (own > 0x7fffffff || table.extent[axis] > 0x7fffffff) span = 0x7fffffff;
    if (span < 0x7fffffff) span += own * table.extent[axis];
  }
  if (span >= 0x7fffffff)
    throw argument_error(std::string(policy) + ": the table spans " + std::to_string(span) +
                         " elements or more; make it one of less than 2^31.");
}

}  // namespace byteloom::inline v0::score::detail
