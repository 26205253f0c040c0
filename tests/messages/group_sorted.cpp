// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: group::sorted has the size of its groups as part of its type, a positive number; write sorted<69>.
#include "byteloom/attend/group/sorted.hpp"

namespace bl = byteloom;

bl::group::sorted<0> groups({}, {});
