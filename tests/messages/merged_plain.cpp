// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: merged<A, B> joins the outputs of one map each as they are; leave policies of maps
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/attend/merged.hpp"

namespace bl = byteloom;

using heads = bl::heads<4, 2, 64>;
constexpr auto size = sizeof(bl::merged<bl::attention<heads>, bl::attention<heads, bl::maps::difference<>>>);
