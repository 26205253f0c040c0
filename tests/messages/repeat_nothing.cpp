// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: repeat<times, blocks...> repeats its blocks at least once.
#include "byteloom/compose/model.hpp"

byteloom::repeat<0> nothing;
