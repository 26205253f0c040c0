// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/pieces: whether tensors can be read 16 bytes at a time, as Ampere's attention reads them.

#include <cstdint>
#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::cuda::detail {

/// Why the rows of a tensor [batch, positions, heads, size] cannot be read 16 bytes at a time; empty where
/// they can.
template <class T>
std::string why_no_pieces(const device_view<T, 4>& x) {
  if (reinterpret_cast<std::uintptr_t>(x.data) % 16 != 0)
    return "does not begin at a multiple of 16 bytes, in which its rows are read; align it.";
  if (x.extent[3] > 1 && x.stride[3] != 1)
    return "has dimensions that are not neighbours (stride 1); make the last axis contiguous.";
  for (int axis = 0; axis < 3; ++axis)
    if (x.extent[axis] > 1 && x.stride[axis] % 8 != 0)
      return "has a stride of " + std::to_string(x.stride[axis]) +
             " elements; its rows are read 16 bytes at a time, which needs multiples of 8.";
  return {};
}

/// Throws shape_error where rows of q, k or v cannot be read 16 bytes at a time.
template <class T>
void require_pieces(const device_view<T, 4>& q, const device_view<T, 4>& k, const device_view<T, 4>& v) {
  const auto require = [](const char* name, const device_view<T, 4>& x) {
    const std::string why = why_no_pieces(x);
    if (!why.empty()) throw shape_error("attend: " + std::string(name) + " " + why);
  };
  require("q", q);
  require("k", k);
  require("v", v);
}

}  // namespace byteloom::inline v0::cuda::detail
