// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: side_by_side<A, B> gives heads to two attention<...>; give it those.
#include "byteloom/attend/side_by_side.hpp"

constexpr auto size = sizeof(byteloom::side_by_side<byteloom::attention<byteloom::heads<4, 2, 64>>, int>);
