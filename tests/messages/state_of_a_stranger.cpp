// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a state was given for a policy that this composition does not contain (or more often than
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/score/softcap.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::mask::causal> spec{bl::score::softcap{2.0f}};
