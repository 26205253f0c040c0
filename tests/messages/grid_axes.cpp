// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: tokens stand on a grid of 1, 2 or 3 axes; write one of these numbers.
#include "byteloom/core/grid.hpp"

byteloom::grid<4> deep;
