// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::by_blocks wraps a score policy; write it as
#include "byteloom/attend/score/by_blocks.hpp"
#include "byteloom/attend/mask/causal.hpp"

constexpr auto size = sizeof(byteloom::score::by_blocks<byteloom::mask::causal>);
