// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the fourth argument of block<norm, attention, feed, linear> says how its matrices are
#include "byteloom/compose/block.hpp"
#include "byteloom/quantize/format/int4.hpp"

namespace bl = byteloom;
using attention = bl::attention<bl::heads<4, 2, 64>>;
using linear = bl::linear<bl::format::int4<64>>;

bl::block<bl::norm::rms, attention, bl::feed::swiglu, bl::format::int4<64>> block;
