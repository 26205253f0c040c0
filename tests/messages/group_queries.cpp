// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: group::pooled has a number of queries for each group, which is positive; write pooled<1, 64>.
#include "byteloom/attend/group/segments.hpp"

namespace bl = byteloom;

bl::group::pooled<0, 8> groups({});
