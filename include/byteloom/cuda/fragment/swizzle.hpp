// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/fragment/swizzle: how a tile of elements lies in shared memory for the tensor cores: chunks of 128
// bytes of columns (64 16-bit elements) side by side, each with all its rows, and inside a chunk the 16-byte
// pieces of a row permuted by the row's number ("128-byte swizzle"), so that neither 8 rows nor 8 columns
// fall on the same banks. Tiles begin at multiples of 1024 bytes, as the permutation is one of address bits.

#include <cstdint>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::cuda::fragment {

inline constexpr int chunk_columns = 64;
inline constexpr int chunk_row_bytes = 128;

/// Chunks that `columns` columns of elements of `size` bytes need.
BYTELOOM_HD constexpr int chunks(int columns, int size = 2) {
  return (columns * size + chunk_row_bytes - 1) / chunk_row_bytes;
}

/// Bytes of a tile.
BYTELOOM_HD constexpr int tile_bytes(int rows, int columns, int size = 2) {
  return chunks(columns, size) * rows * chunk_row_bytes;
}

/// Byte of the 16-bit element (row, column) in a tile of `rows` rows; neighbours of an 8-column group stay
/// neighbours.
BYTELOOM_HD constexpr int swizzled(int rows, int row, int column) {
  const int chunk = column / chunk_columns;
  const int piece = column % chunk_columns / 8;
  return (chunk * rows + row) * chunk_row_bytes + (piece ^ (row % 8)) * 16 + column % 8 * 2;
}

/// Descriptor of a swizzled tile for wgmma (PTX ISA, matrix descriptor): the address in 16-byte units, the
/// distance between chunks (`leading`) and between groups of 8 rows, both in bytes. `row_bytes`: 128, or 64
/// or 32 in a tile whose chunks are so wide, with the swizzle of that width.
struct descriptor {
  std::uint64_t first;

  BYTELOOM_HD constexpr descriptor(std::uint32_t address, int leading, int row_bytes = chunk_row_bytes)
      : first(std::uint64_t{row_bytes == 128  ? 1u
                            : row_bytes == 64 ? 2u
                                              : 3u}
                  << 62 |
              static_cast<std::uint64_t>(8 * row_bytes >> 4) << 32 |
              static_cast<std::uint64_t>(leading >> 4) << 16 |
              static_cast<std::uint64_t>((address & 0x3ffff) >> 4)) {}

  /// Of the same tile from `bytes` on.
  BYTELOOM_HD constexpr std::uint64_t at(int bytes) const {
    return first + static_cast<std::uint64_t>(bytes >> 4);
  }
};

}  // namespace byteloom::inline v0::cuda::fragment
