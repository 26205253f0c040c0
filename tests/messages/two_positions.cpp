// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two position policies, and queries can be turned in one way only; keep
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::position::rope<>, bl::position::none> spec;
