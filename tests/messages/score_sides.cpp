// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: score::sides are the sides of a window, positive numbers; write sides<7, 7>.
#include "byteloom/attend/score/window_bias.hpp"

namespace bl = byteloom;

constexpr int rows = bl::score::sides<0, 7>::rows;
