// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention does not say its heads; add heads<query, key_value, size> to it.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::mask::causal> spec;
