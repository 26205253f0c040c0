// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/packed/attend_tile: how the attention of many small problems shares out warps, registers and shared
// memory. A problem is one group of tokens, one head and one sequence; all its queries, keys and values lie
// in shared memory.

#include "byteloom/core/config.hpp"
#include "byteloom/cuda/fragment/row_swizzle.hpp"

namespace byteloom::inline v0::cuda {

/// What a tuning selector's packed() chooses a tile for.
struct attend_packed_needs {
  int size;        ///< dimensions of queries and keys
  int value_size;  ///< dimensions of values
  int largest;     ///< the most keys of a problem
  int queries;     ///< the most queries of a problem
  bool ragged;     ///< problems differ in size
};

/// Sizes of one packed attention; what a tuning selector's packed returns.
struct attend_packed_tile {
  int warps;     ///< that share a problem: each takes every so many of its 16-query rows of tiles
  int problems;  ///< side by side in a block; 1 where several warps share one
  int keys;  ///< whose scores a warp holds at a time: a multiple of 8, or of 16 where they are not all of a
             ///< group
  int queries = 0;  ///< the most queries of a problem; the composition says it
  int largest = 0;  ///< the most keys of a problem; the composition says it

  BYTELOOM_HD constexpr int threads() const { return 32 * warps * problems; }
  BYTELOOM_HD constexpr int row_tiles() const { return (queries + 15) / 16; }
  /// Keys of all of a problem's tiles, in rows of 16 that a product takes.
  BYTELOOM_HD constexpr int key_rows() const {
    return keys >= largest ? (keys + 15) / 16 * 16 : (largest + keys - 1) / keys * keys;
  }

  /// Shared memory of a problem: positions of keys and of queries, then rows of queries, which outputs
  /// replace, keys, values.
  BYTELOOM_HD constexpr int key_places_bytes() const { return (key_rows() * 4 + 127) / 128 * 128; }
  BYTELOOM_HD constexpr int places_bytes() const {
    return key_places_bytes() + (row_tiles() * 16 * 4 + 127) / 128 * 128;
  }
  BYTELOOM_HD constexpr int queries_bytes(int size, int value_size) const {
    return fragment::rows_bytes(16 * row_tiles(), size < value_size ? value_size : size);
  }
  BYTELOOM_HD constexpr int keys_bytes(int size) const { return fragment::rows_bytes(key_rows(), size); }
  BYTELOOM_HD constexpr int values_bytes(int value_size) const {
    return fragment::rows_bytes(key_rows(), value_size);
  }
  BYTELOOM_HD constexpr int problem_bytes(int size, int value_size) const {
    return places_bytes() + queries_bytes(size, value_size) + keys_bytes(size) + values_bytes(value_size);
  }
  BYTELOOM_HD constexpr int shared_bytes(int size, int value_size) const {
    return problems * problem_bytes(size, value_size);
  }

  static constexpr int most_shared_bytes =
      227 * 1024;  ///< of a block on Hopper; A100 has 163 KB, others 99 KB

  /// Registers of a thread that hold scores, weights, outputs and queries.
  BYTELOOM_HD constexpr int accumulators(int size, int value_size) const {
    return (keys + 7) / 8 * 4 + (keys + 15) / 16 * 4 + (value_size + 7) / 8 * 4 + (size + 15) / 16 * 4;
  }
  /// Blocks of a multiprocessor that registers are left for.
  BYTELOOM_HD constexpr int blocks(int size, int value_size) const {
    const int registers = (accumulators(size, value_size) + 56 + 7) / 8 * 8;
    const int by_registers = 65536 / (threads() * (registers < 128   ? 128
                                                   : registers > 255 ? 256
                                                                     : registers));
    const int by_memory = most_shared_bytes / (shared_bytes(size, value_size) + 1024);
    const int both = by_registers < by_memory ? by_registers : by_memory;
    return both < 1 ? 1 : both;
  }

  BYTELOOM_HD constexpr bool fits(int size, int value_size) const {
    return warps >= 1 && warps <= 16 && problems >= 1 && (warps == 1 || problems == 1) && threads() <= 512 &&
           keys > 0 && keys % 8 == 0 && keys <= 64 && (keys >= largest || keys % 16 == 0) && size > 0 &&
           size % 8 == 0 && size <= 128 && value_size > 0 && value_size % 8 == 0 && value_size <= 128 &&
           shared_bytes(size, value_size) <= most_shared_bytes;
  }
};

/// The library's choice: a warp a problem and four of them a block, which hide each other's copies, while a
/// problem takes no more than its share of a multiprocessor's memory; else several warps. Groups of up to 64
/// keys that have all the same size are scored at once; of others as many keys at a time as leave little
/// empty.
constexpr attend_packed_tile choose_attend_packed_tile(const attend_packed_needs& needs) {
  const int size = needs.size, value_size = needs.value_size;
  const int largest = needs.largest, queries = needs.queries;
  const bool is_ragged = needs.ragged;
  attend_packed_tile tile{1, 4, 64, queries, largest};
  if (largest <= 64 && (!is_ragged || largest <= 32)) {
    tile.keys = (largest + 7) / 8 * 8;
  } else {  // each tile costs about as much as 8 keys
    const int most = is_ragged ? 32 : 64;
    const auto cost = [&](int keys) { return (largest + keys - 1) / keys * (keys + 8); };
    tile.keys = most;
    for (int keys = most - 16; keys >= 32; keys -= 16)
      if (cost(keys) < cost(tile.keys)) tile.keys = keys;
  }
  constexpr int share = 14 * 1024;  // of 16 warps a multiprocessor
  const int bytes = tile.problem_bytes(size, value_size);
  if (bytes > share && tile.row_tiles() > 1) {
    int warps = 2;
    while (warps < 8 && warps < tile.row_tiles() && warps * share < bytes) warps *= 2;
    const int rounds = (tile.row_tiles() + warps - 1) / warps;
    tile.warps = (tile.row_tiles() + rounds - 1) / rounds;
    tile.problems = 1;
  }
  while (tile.problems > 1 && tile.shared_bytes(size, value_size) > 99 * 1024) tile.problems /= 2;
  return tile;
}

/// A selector's tile, or the library's choice where it says nothing of packed attention.
template <class Tuning, attend_packed_needs Needs>
inline constexpr attend_packed_tile attend_packed_tile_by = [] {
  attend_packed_tile tile{};
  if constexpr (requires { Tuning::packed(Needs); }) {
    tile = Tuning::packed(Needs);
  } else {
    tile = choose_attend_packed_tile(Needs);
  }
  tile.queries = Needs.queries;
  tile.largest = Needs.largest;
  return tile;
}();

}  // namespace byteloom::inline v0::cuda
