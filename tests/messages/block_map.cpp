// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a block's attention is one map a head over the keys of its own sequence, which it turns
#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/compose/block.hpp"
#include "byteloom/quantize/format/int4.hpp"

namespace bl = byteloom;
using attention = bl::attention<bl::heads<4, 2, 64>, bl::prepare::norm<bl::norm::rms>>;
using linear = bl::linear<bl::format::int4<64>>;

bl::block<bl::norm::rms, attention, bl::feed::swiglu, linear> block;
