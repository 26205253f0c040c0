// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a cache keeps keys as they were turned, and this position policy turns them by the length of
#include "byteloom/compose/epilogue.hpp"
#include "byteloom/position/xpos.hpp"

namespace bl = byteloom;

using xpos = bl::position::xpos<bl::position::pairing::interleaved, bl::position::xpos_centre::half_length>;

constexpr auto size =
    sizeof(bl::epilogue::projection<bl::attention<bl::heads<4, 2, 64>, xpos>, bl::memory::host>);
