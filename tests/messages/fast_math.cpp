// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom needs infinities and NaN, which -ffast-math takes away: compile without it.
#define __FAST_MATH__ 1
#include "byteloom/core/config.hpp"
