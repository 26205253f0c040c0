// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: group::segments and group::pooled have a bound of the tokens of a group as part of their type, a
#include "byteloom/attend/group/segments.hpp"

namespace bl = byteloom;

bl::group::segments<0> groups({});
