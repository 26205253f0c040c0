// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/matrix_lanes: which row of 16 bytes each lane names to ldmatrix, so that what the lanes
// receive are operands of mma.m16n8k16: four matrices of 8 by 8 elements, matrix m named by the lanes 8m to
// 8m + 7.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::cuda::fragment {

/// A row of a tile in shared memory, and one of two neighbouring pieces of 8 columns.
struct matrix_row {
  int row;
  int piece;
};

/// 16 rows by 16 columns as a left operand: matrices above, below, above right, below right.
BYTELOOM_HD constexpr matrix_row left_operand(unsigned lane) {
  return {static_cast<int>(lane % 16), static_cast<int>(lane / 16)};
}

/// 16 rows by 16 columns, each row a column of two right operands (registers 0 and 1, 2 and 3): matrices
/// above left and above right, then the two below.
BYTELOOM_HD constexpr matrix_row right_operands(unsigned lane) {
  return {static_cast<int>(lane % 8 + lane / 16 * 8), static_cast<int>(lane / 8 % 2)};
}

/// 16 rows by 16 columns, loaded transposed, as two right operands side by side: matrices above left and
/// below left, then the two at the right.
BYTELOOM_HD constexpr matrix_row right_operands_transposed(unsigned lane) {
  return {static_cast<int>(lane % 16), static_cast<int>(lane / 16)};
}

}  // namespace byteloom::inline v0::cuda::fragment
