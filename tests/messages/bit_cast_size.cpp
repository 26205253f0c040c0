// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: bit_cast needs two types of one size; name a type as wide as the value.
#include <cstdint>

#include "byteloom/core/bits.hpp"

const auto bits = byteloom::bit_cast<std::uint16_t>(1.0f);
