// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a score policy of this attention counts in the slots of a group, and the attention has no
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/score/window_bias.hpp"

namespace bl = byteloom;

using bias = bl::score::window_bias<bl::score::sides<7, 7>>;
void call(bl::host_view<const float, 2> table) { bl::attention<bl::heads<4, 2, 64>, bias> spec{bias(table)}; }
