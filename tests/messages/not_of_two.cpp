// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: not_ turns one mask round; write not_<any_of<...>> or not_<all_of<...>> for several.
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/window.hpp"

namespace bl = byteloom;

const bl::mask::not_<bl::mask::causal, bl::mask::window<8>> joined;
