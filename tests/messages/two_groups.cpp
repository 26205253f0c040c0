// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two group policies, and a token has one group; keep one, and say
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/group/windows.hpp"

namespace bl = byteloom;

using rows = bl::group::windows<1, 8>;
using columns = bl::group::windows<8, 1>;
bl::attention<bl::heads<4, 2, 64>, rows, columns> spec{rows({8, 8}), columns({8, 8})};
