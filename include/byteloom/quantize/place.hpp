// SPDX-License-Identifier: Apache-2.0
#pragma once

// quantize/place: where a code lies in a packed matrix, and unaligned access to it.

#include <cstddef>
#include <cstdint>

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// A code's byte from the start of the codes, and its lowest bit inside that byte.
struct place {
  index byte;
  int shift;
};

namespace detail {

/// Reads a T. Device code wants the one wide load that alignment allows; host code must not assume alignment,
/// since a mapped file promises none.
template <class T>
BYTELOOM_HD T load(const std::byte* from) {
#if defined(__CUDA_ARCH__)
  return *reinterpret_cast<const T*>(from);
#else
  T value;
  __builtin_memcpy(&value, from, sizeof(T));
  return value;
#endif
}

template <class T>
BYTELOOM_HD void store(std::byte* to, const T& value) {
  __builtin_memcpy(to, &value, sizeof(T));
}

}  // namespace detail
}  // namespace byteloom::inline v0
