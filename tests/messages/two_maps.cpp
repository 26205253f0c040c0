// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two policies of maps, and heads are joined in one way only; keep
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/maps/difference.hpp"

namespace bl = byteloom;

using difference = bl::maps::difference<>;
bl::attention<bl::heads<4, 2, 64>, difference, bl::maps::single> spec{difference{0.5f}};
