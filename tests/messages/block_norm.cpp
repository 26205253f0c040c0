// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the first argument of block<norm, attention, feed, linear> is a norm, such as norm::rms;
#include "byteloom/compose/block.hpp"
#include "byteloom/quantize/format/int4.hpp"

namespace bl = byteloom;
using attention = bl::attention<bl::heads<4, 2, 64>>;
using linear = bl::linear<bl::format::int4<64>>;

bl::block<linear, attention, bl::feed::swiglu, linear> block;
