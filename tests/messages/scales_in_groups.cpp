// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attention inside groups knows no scales so far; leave the scales out, or say the groups as a mask such as mask::windows.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/scales/per_tensor.hpp"

namespace bl = byteloom;

using spec = bl::attention<bl::heads<4, 2, 64>, bl::group::windows<2, 49>, bl::scales::per_tensor>;
int size = sizeof(spec);
