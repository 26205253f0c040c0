// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: group::dilated<segment, step> takes every step-th token of a segment; give a step from 1 to the
#include "byteloom/attend/group/dilated.hpp"

namespace bl = byteloom;

bl::group::dilated<8, 9> groups{64};
