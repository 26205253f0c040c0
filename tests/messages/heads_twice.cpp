// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention says its heads twice; keep one heads<...>.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::heads<8, 2, 64>> spec;
