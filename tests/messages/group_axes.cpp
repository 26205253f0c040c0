// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: groups of a map of tokens have one, two or three axes; fold further ones into the batch.
#include "byteloom/attend/group/windows.hpp"

namespace bl = byteloom;

bl::group::windows<2, 2, 2, 2> groups({4, 4, 4, 4});
