// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::in_ring wraps a score policy; write it as in_ring<score::alibi<8>>.
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/score/in_ring.hpp"

constexpr auto size = sizeof(byteloom::score::in_ring<byteloom::mask::causal>);
