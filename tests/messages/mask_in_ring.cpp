// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: mask::in_ring wraps a mask; write it as in_ring<mask::causal>.
#include "byteloom/attend/mask/in_ring.hpp"
#include "byteloom/attend/score/alibi.hpp"

constexpr auto size = sizeof(byteloom::mask::in_ring<byteloom::score::alibi<2>>);
