// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention inside groups joins no maps, changes no outputs and has keys of its own sequence so far; leave out maps, output and keys policies, or say the groups as a mask.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/group/windows.hpp"

namespace bl = byteloom;

struct halved {
  using axis = bl::axis::output;
  BYTELOOM_HD float operator()(float value, bl::index, bl::row, int) const { return value / 2; }
};

using attention = bl::attention<bl::heads<2, 2, 16>, bl::group::windows<2>, halved>;
constexpr bool used = attention::is_grouped;
