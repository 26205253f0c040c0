// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the groups of format::int4 are a multiple of 8 columns, so that a 32-bit word lies in one
#include "byteloom/quantize/format/int4.hpp"

static_assert(byteloom::format::int4<12>::group == 12);
