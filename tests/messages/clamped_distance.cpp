// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::clamped_distance wraps a score policy; write it as
#include "byteloom/attend/score/clamped_distance.hpp"
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

constexpr auto size = sizeof(bl::score::clamped_distance<bl::mask::causal>);
