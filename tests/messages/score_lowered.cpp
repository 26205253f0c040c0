// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::lowered wraps a mask; write it as lowered<mask::windows<2>>.
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/lowered.hpp"

constexpr auto size = sizeof(byteloom::score::lowered<byteloom::score::alibi<2>>);
