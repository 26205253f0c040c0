// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm80/attend_tile: how many queries and keys a block of the Ampere attention takes at a time, from what
// fits: registers (scores and outputs of a warp's queries live in them) and the 99 KB of shared memory that a
// block has on every GPU from Ampere on. Any head size has a tile or a sentence.

#include <initializer_list>

#include "byteloom/core/config.hpp"
#include "byteloom/cuda/attend_needs.hpp"
#include "byteloom/cuda/fragment/row_swizzle.hpp"

namespace byteloom::inline v0::cuda {

/// Sizes of one attention from Ampere on; what a tuning selector returns.
struct attend_sm80_tile {
  int warps;       ///< 4 or 8; of each map, where several share a value, 2 too
  int row_groups;  ///< groups of 16 queries of a warp: with 2, what it loads of keys and values serves twice
  int keys;        ///< a multiple of 16
  int stages;      ///< tiles of keys and of values in shared memory: 1 or 2
  bool keep_queries;  ///< whether queries stay in registers, or are loaded for each tile of keys
  int maps = 1;       ///< that share a value; the composition says it, and each map has warps of its own

  BYTELOOM_HD constexpr int warp_queries() const { return 16 * row_groups; }
  BYTELOOM_HD constexpr int queries() const { return warps * warp_queries(); }
  BYTELOOM_HD constexpr int threads() const { return 32 * warps * maps; }

  static constexpr int most_shared_bytes =
      99 * 1024;  ///< of a block on compute capability 8.6 and 8.9; others have more

  /// Of one map.
  BYTELOOM_HD constexpr int queries_bytes(int size) const { return fragment::rows_bytes(queries(), size); }
  BYTELOOM_HD constexpr int keys_bytes(int size) const { return fragment::rows_bytes(keys, size); }
  BYTELOOM_HD constexpr int values_bytes(int value_size) const {
    return fragment::rows_bytes(keys, value_size);
  }
  /// A stage's keys of all maps and its values.
  BYTELOOM_HD constexpr int stage_bytes(int size, int value_size) const {
    return maps * keys_bytes(size) + values_bytes(value_size);
  }
  /// Of a block: queries, keys and values; outputs take their place at the end, first in float where maps are
  /// joined.
  BYTELOOM_HD constexpr int shared_bytes(int size, int value_size) const {
    const int inputs = maps * queries_bytes(size) + stages * stage_bytes(size, value_size);
    const int outputs =
        maps == 1 ? fragment::rows_bytes(queries(), value_size) : queries() * ((value_size + 7) / 8 * 8) * 4;
    return inputs > outputs ? inputs : outputs;
  }
  /// Registers of a thread that hold scores, packed weights and outputs; the rest is for addresses, operands
  /// and hooks.
  BYTELOOM_HD constexpr int accumulators(int value_size) const {
    return row_groups * (keys / 2 + keys / 4 + (value_size + 7) / 8 * 4);
  }
  /// Those that hold queries, where they stay.
  BYTELOOM_HD constexpr int query_registers(int size) const {
    return keep_queries ? row_groups * ((size + 15) / 16 * 4) : 0;
  }
  /// Those that a thread of the block may have.
  BYTELOOM_HD constexpr int most_registers() const {
    const int share = 65536 / threads() / 8 * 8;
    return share > 255 ? 255 : share;
  }

  BYTELOOM_HD constexpr bool fits(int size, int value_size) const {
    return (warps == 4 || warps == 8 || (warps == 2 && maps > 1)) && maps > 0 && threads() <= 1024 &&
           (row_groups == 1 || row_groups == 2) && keys >= 16 && keys <= 256 && keys % 16 == 0 &&
           (stages == 1 || stages == 2) && size > 0 && size % 8 == 0 && value_size > 0 &&
           value_size % 8 == 0 && shared_bytes(size, value_size) <= most_shared_bytes &&
           accumulators(value_size) + query_registers(size) <= most_registers() - 31;
  }
};

/// The library's choice: 4 warps of 32 queries while their accumulators leave room for hooks, else of 16; as
/// many keys as fit twice into the shared memory of an A100, so that one block's products run under another's
/// exponents, but at most 64, which keeps the tiles on a mask's edge small; two stages where they fit so too.
/// Where maps share a value, 2 warps for each.
constexpr attend_sm80_tile choose_attend_sm80_tile(const attend_needs& needs) {
  const int size = needs.size, value_size = needs.value_size, maps = needs.maps;
  constexpr int half_of_a100 = 81 * 1024;
  // Registers of accumulators beside which masks and a user's score do not spill:
  constexpr int most_of_32_queries = 176;
  constexpr int most_of_16_queries = 208;
  constexpr int most_with_queries = 192;
  for (const int most_bytes : {half_of_a100, attend_sm80_tile::most_shared_bytes})
    for (int row_groups = 2; row_groups > 0; --row_groups)
      for (int keys = 64; keys >= 16 * row_groups; keys -= 16)
        for (int stages = 2; stages > 0; --stages) {
          attend_sm80_tile tile{maps == 1 ? 4 : 2, row_groups, keys, stages, true, maps};
          tile.keep_queries = tile.accumulators(value_size) + tile.query_registers(size) <= most_with_queries;
          if (tile.accumulators(value_size) > (row_groups == 2 ? most_of_32_queries : most_of_16_queries))
            continue;
          if (tile.fits(size, value_size) && tile.shared_bytes(size, value_size) <= most_bytes) return tile;
        }
  return {0, 0, 0, 0, false};
}

/// A tuning selector. Write another and call attend<my_tuning>(...) to choose yourself.
struct default_attend_sm80_tuning {
  static constexpr attend_sm80_tile sm80(const attend_needs& needs) { return choose_attend_sm80_tile(needs); }
};

/// A selector's tile.
template <class Tuning, attend_needs Needs>
inline constexpr attend_sm80_tile attend_sm80_tile_by = [] {
  attend_sm80_tile tile = Tuning::sm80(Needs);
  tile.maps = Needs.maps;
  return tile;
}();

}  // namespace byteloom::inline v0::cuda
