// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of this composition has state and no default for it; give it to the constructor
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/window.hpp"

namespace bl = byteloom;

const bl::attention<bl::heads<4, 2, 64>, bl::mask::all_of<bl::mask::causal, bl::mask::window<>>> spec;
