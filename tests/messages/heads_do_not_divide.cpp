// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the number of query heads must be a multiple of the number of key-value heads; write
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 3, 64>> spec;
