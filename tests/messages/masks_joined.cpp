// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: all_of, any_of and not_ join masks; give them policies with 'using axis = byteloom::axis::mask;' and 'BYTELOOM_HD bool keep(byteloom::site at) const'.
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/score/softcap.hpp"

namespace bl = byteloom;

const bl::mask::any_of<bl::mask::causal, bl::score::softcap> joined{bl::score::softcap{3.0f}};
