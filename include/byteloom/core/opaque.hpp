// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/opaque: values whose making a device compiler does not look into, so that it computes what many sites
// share once, as written, instead of joining it with what each site adds.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// The value, an int or a pointer.
template <class T>
BYTELOOM_HD constexpr T opaque(T value) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) == 8) {
    asm("" : "+l"(value));
  } else {
    asm("" : "+r"(value));
  }
#endif
  return value;
}

}  // namespace byteloom::inline v0
