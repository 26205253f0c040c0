// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a mask over a map of tokens has one, two or three axes; fold further ones into the batch.
#include "byteloom/attend/mask/windows.hpp"

namespace bl = byteloom;

const bl::mask::windows<4> windows({2, 2, 8, 8}, {2, 2, 4, 4});
