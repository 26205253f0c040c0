// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/division: quotient and remainder of indices that count rows, columns, heads or tokens. They fit 32
// bits, where a GPU divides in a few instructions; of 64 bits it calls a subroutine that costs a kernel its
// registers.

#include <cstdint>

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// a / b for 0 <= a < 2^32 and 0 < b < 2^32.
BYTELOOM_HD constexpr index quotient(index a, index b) {
  return static_cast<index>(static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b));
}

/// a % b for 0 <= a < 2^32 and 0 < b < 2^32.
BYTELOOM_HD constexpr index remainder(index a, index b) {
  return static_cast<index>(static_cast<std::uint32_t>(a) % static_cast<std::uint32_t>(b));
}

}  // namespace byteloom::inline v0
