// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: merged<A, B> joins the keys of two attention<...>; give it those.
#include "byteloom/attend/merged.hpp"

constexpr auto size = sizeof(byteloom::merged<byteloom::attention<byteloom::heads<4, 2, 64>>, int>);
