// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: tokens stand on a grid of 1, 2 or 3 axes; write one of these numbers.
#include "byteloom/core/raster.hpp"

byteloom::raster<4> deep;
