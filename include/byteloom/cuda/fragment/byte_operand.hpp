// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/byte_operand: the left operand of a product of 8-bit elements in registers, and an order of
// the depth in which accumulators become that operand where they stand. A thread t of 4 holds, of 32 columns
// of accumulators, 2t and 2t + 1 of each group of 8; of an operand of depth 32 it holds the places 4t to 4t +
// 3 and 16 + 4t to 16 + 4t + 3 (PTX ISA, wgmma m64nNk32, matrix A). A sum does not ask in which order it is
// taken: so the places are given to the columns that the thread has, and the other operand lies in that
// order.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::cuda::fragment {

/// The column whose number stands at `place` of the depth. Both orders agree outside runs of 32.
BYTELOOM_HD constexpr int column_at(int place) {
  const int thread = place % 16 / 4;
  const int byte = place % 4;
  return place / 16 * 16 + byte / 2 * 8 + 2 * thread + byte % 2;
}

/// Accumulator that is byte `byte` of register `part` of operand `k`: value[group][which], as
/// fragment/score_rows names them.
struct accumulator_place {
  int group;
  int which;
};
BYTELOOM_HD constexpr accumulator_place accumulator_of(int k, int part, int byte) {
  return {4 * k + part / 2 * 2 + byte / 2, part % 2 * 2 + byte % 2};
}

}  // namespace byteloom::inline v0::cuda::fragment
