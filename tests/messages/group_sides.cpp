// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the sides of group::windows and group::grid are positive numbers; write windows<7, 7>.
#include "byteloom/attend/group/windows.hpp"

namespace bl = byteloom;

bl::group::windows<0, 7> groups({4, 7});
