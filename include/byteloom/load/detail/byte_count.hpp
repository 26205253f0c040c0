// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/detail/byte_count: how many bytes a tensor takes, from a shape that nobody has checked.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "byteloom/core/element.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::detail {

/// Nothing for a negative size, and where the product of the sizes other than zero is above 2^63 - 1 elements
/// or 2^64 - 1 bytes: zeros count as ones there, because strides of an empty tensor are products of its other
/// sizes.
inline std::optional<std::uint64_t> byte_count(element type, std::span<const index> shape) {
  index count = 1;
  bool empty = false;
  for (const index axis : shape) {
    empty = empty || axis == 0;
    if (axis < 0 || __builtin_mul_overflow(count, std::max<index>(axis, 1), &count)) return std::nullopt;
  }
  std::uint64_t size = size_of(type);
  if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(count), &size)) return std::nullopt;
  return empty ? 0 : size;
}

}  // namespace byteloom::inline v0::detail
