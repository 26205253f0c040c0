// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/row_swizzle: how a tile of 16-bit elements lies in shared memory for ldmatrix: rows one after
// another, padded to a multiple of 16 columns and to nothing more, so that any head size takes only what it
// needs. The 16-byte pieces of a row are permuted by its number, so that the 8 rows that ldmatrix reads at a
// time fall on different banks.
//
// Why that works: let a row have u pieces and g = gcd(u, 8). Shared memory serves 8 pieces at a time where
// their numbers differ modulo 8. Rows r and r + 8 / g begin at the same number modulo 8, and the 8 / g rows
// between at different multiples of g; so the g rows that meet exchange the places of their pieces inside
// runs of g: piece p of row r lies at p ^ (r / (8 / g) % g). Tiles begin at multiples of 128 bytes, so that
// this is a permutation of address bits.

#include <cstdint>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::cuda::fragment {

/// 16-byte pieces of a row.
BYTELOOM_HD constexpr int row_pieces(int columns) { return (columns + 15) / 16 * 2; }

/// Pieces that change places among themselves; what threads that copy take of a row at a time.
BYTELOOM_HD constexpr int piece_run(int columns) {
  const int pieces = row_pieces(columns);
  return pieces % 8 == 0 ? 8 : pieces % 4 == 0 ? 4 : 2;
}

/// Bytes of so many rows; of 8 rows a multiple of 128.
BYTELOOM_HD constexpr int rows_bytes(int rows, int columns) { return rows * row_pieces(columns) * 16; }

/// Byte of a 16-byte piece.
BYTELOOM_HD constexpr int piece_byte(int columns, int row, int piece) {
  const auto run = static_cast<unsigned>(piece_run(columns));
  const auto turn = static_cast<int>(static_cast<unsigned>(row) / (8 / run) % run);
  return (row * row_pieces(columns) + (piece ^ turn)) * 16;
}

/// Byte of an element; neighbours of an 8-column group stay neighbours.
BYTELOOM_HD constexpr int element_byte(int columns, int row, int column) {
  return piece_byte(columns, row, column / 8) + column % 8 * 2;
}

/// From the byte (or shared address) of piece 0 or 1 of a row to that of the piece `pieces` (even) to the
/// right, `rows` (a multiple of 8) below. One operation at most where both are constants.
BYTELOOM_HD constexpr std::uint32_t moved(int columns, std::uint32_t byte, int rows, int pieces) {
  const int run = piece_run(columns);
  const int inside = pieces % run;
  return (byte ^ static_cast<std::uint32_t>(inside * 16)) +
         static_cast<std::uint32_t>((rows * row_pieces(columns) + (pieces - inside)) * 16);
}

/// How threads share the pieces of a tile: from a first place of its own each thread goes in steps that are
/// the same for all, so that in shared memory too every place lies at a constant distance from the first. 8
/// neighbouring threads never meet on a bank.
struct piece_share {
  int threads;  ///< a multiple of 32
  int columns;

  BYTELOOM_HD constexpr int first_row(unsigned thread) const {
    return static_cast<int>(thread / static_cast<unsigned>(piece_run(columns)));
  }
  BYTELOOM_HD constexpr int first_piece(unsigned thread) const {
    return static_cast<int>(thread % static_cast<unsigned>(piece_run(columns)));
  }
  BYTELOOM_HD constexpr int row_step() const { return threads / piece_run(columns); }

  /// Calls f(row, piece) for the places of a thread in a tile of `rows` rows, as distances from its first.
  template <class F>
  BYTELOOM_HD constexpr void each(int rows, unsigned thread, const F& f) const {
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (int row = 0; row < rows; row += row_step()) {
      if (rows % row_step() != 0 && row + first_row(thread) >= rows) break;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
      for (int piece = 0; piece < row_pieces(columns); piece += piece_run(columns)) f(row, piece);
    }
  }

  /// Bytes in shared memory between places at such a distance, with 64 threads or more.
  BYTELOOM_HD constexpr int distance(int row, int piece) const {
    return (row * row_pieces(columns) + piece) * 16;
  }
};

}  // namespace byteloom::inline v0::cuda::fragment
