// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::dilated wraps a score policy; write it as
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/score/dilated.hpp"

constexpr auto size = sizeof(byteloom::score::dilated<2, byteloom::mask::causal>);
