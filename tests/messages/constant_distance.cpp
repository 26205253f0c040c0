// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: position::constant_distance wraps a policy that turns by position alone; write it as
#include "byteloom/position/constant_distance.hpp"

constexpr auto size = sizeof(byteloom::position::constant_distance<byteloom::position::none>);
