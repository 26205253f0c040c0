// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: mask::chunk<size, back> sees chunks before the query's own; write as back how many, 0 for none.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/chunk.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::mask::chunk<128, -1>> spec;
