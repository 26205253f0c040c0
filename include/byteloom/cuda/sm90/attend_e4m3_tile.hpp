// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_e4m3_tile: how many queries and keys a block of the Hopper attention for fp8_e4m3 takes at
// a time. Registers are the bound: beside scores, packed weights and outputs there are the fresh accumulators
// of two-level sums, for all columns of the values or for a part of them at a time.

#include <initializer_list>

#include "byteloom/core/config.hpp"
#include "byteloom/cuda/fragment/swizzle.hpp"

namespace byteloom::inline v0::cuda {

/// Sizes of one attention on Hopper; what a tuning selector's sm90_e4m3 returns.
struct attend_sm90_e4m3_tile {
  int warpgroups;     ///< 1 to 3 consumers of 64 queries each
  int keys;           ///< a multiple of 32
  int value_columns;  ///< of one product with the values, where there are two levels; divides the value size
  int stages;         ///< tiles of keys and of values in shared memory, 2 to 4
  bool ping_pong;     ///< warpgroups take turns at the tensor cores
  bool overlap;       ///< a warpgroup weighs scores while its own product with the values before runs
  /// Sums of tiles of keys are joined in float beside the tensor cores, whose own sums of 8-bit products keep
  /// about 14 bits. Where scales differ from key to key it is so in any case.
  bool two_level;
  int maps = 1;  ///< that share a value; the composition says it, and a warpgroup takes them in turn

  BYTELOOM_HD constexpr int queries() const { return 64 * warpgroups; }
  BYTELOOM_HD constexpr int threads() const { return 128 * (warpgroups + 1); }
  /// Registers a thread of a consumer, and of the producer.
  BYTELOOM_HD constexpr int consumer_registers() const {
    return warpgroups == 1 ? 256 : warpgroups == 2 ? 240 : 160;
  }
  BYTELOOM_HD constexpr int producer_registers() const {
    return warpgroups == 1 ? 56 : warpgroups == 2 ? 24 : 32;
  }

  static constexpr int most_shared_bytes = 232448;  ///< of a block on Hopper
  static constexpr int group_rows = 64;             ///< queries of a warpgroup
  static constexpr int element_bytes = 1;

  /// Bytes of the rows of keys that the values' chunks have.
  BYTELOOM_HD constexpr int value_row_bytes() const {
    return keys % 128 == 0 ? 128 : keys % 64 == 0 ? 64 : 32;
  }

  /// Of the tiles in shared memory; of the queries of all maps.
  BYTELOOM_HD constexpr int queries_bytes(int size) const {
    return maps * fragment::tile_bytes(queries(), size, 1);
  }
  BYTELOOM_HD constexpr int outputs_bytes(int value_size) const {
    return fragment::tile_bytes(queries(), value_size);
  }
  /// Tiles of queries in shared memory: the next ones come while these are in use, where there is room.
  BYTELOOM_HD constexpr int query_stages(int size, int value_size) const {
    const int one = input_bytes(size, value_size) + outputs_bytes(value_size);
    return one + queries_bytes(size) <= most_shared_bytes ? 2 : 1;
  }
  BYTELOOM_HD constexpr int key_bytes(int size) const { return fragment::tile_bytes(keys, size, 1); }
  BYTELOOM_HD constexpr int value_bytes(int value_size) const {
    return (value_size * keys + 1023) / 1024 * 1024;
  }

  /// What one copy of values brings.
  BYTELOOM_HD constexpr int value_copy_bytes(int value_size) const { return value_size * keys; }

  /// Queries, keys and values of the stages, aligned, and barriers.
  BYTELOOM_HD constexpr int input_bytes(int size, int value_size) const {
    return queries_bytes(size) + stages * (key_bytes(size) + value_bytes(value_size)) + 1024 + 320;
  }
  /// Whether outputs have a place of their own; else they take the queries'.
  BYTELOOM_HD constexpr bool own_outputs(int size, int value_size) const {
    return input_bytes(size, value_size) + outputs_bytes(value_size) <= most_shared_bytes;
  }
  /// Of a block.
  BYTELOOM_HD constexpr int shared_bytes(int size, int value_size) const {
    const int one = input_bytes(size, value_size);
    const int outputs = outputs_bytes(value_size);
    if (own_outputs(size, value_size))
      return one + outputs + (query_stages(size, value_size) - 1) * queries_bytes(size);
    return outputs > queries_bytes(size) ? one + outputs - queries_bytes(size) : one;
  }
  /// Accumulators of scores, packed weights, outputs and fresh sums.
  BYTELOOM_HD constexpr int accumulators(int value_size) const {
    return keys / 2 + keys / 8 + maps * value_size / 2 + (two_level ? value_columns / 2 : 0);
  }

  /// `keys_a_scale`: of the composition's scales; 0 where they do not differ from key to key.
  BYTELOOM_HD constexpr bool fits(int size, int value_size, int keys_a_scale) const {
    return warpgroups >= 1 && warpgroups <= 3 && keys >= 32 && keys <= 256 && keys % 32 == 0 && stages >= 2 &&
           stages <= 4 && value_size <= 256 && value_columns > 0 && value_columns % 8 == 0 &&
           value_size % value_columns == 0 && maps >= 1 &&
           shared_bytes(size, value_size) <= most_shared_bytes &&
           (keys_a_scale == 0 || (two_level && keys_a_scale % keys == 0)) &&
           accumulators(value_size) <= (warpgroups == 3 ? 128 : 208);
  }
};

/// The library's choice: two warpgroups, as many keys as registers hold (at most 128 where there is a mask),
/// all columns of the values in one product where that leaves 64 keys or more. Maps need registers of their
/// own.
constexpr attend_sm90_e4m3_tile choose_attend_sm90_e4m3_tile(int size, int value_size, bool masked,
                                                             int keys_a_scale, bool scored = false,
                                                             int maps = 1) {
  for (const int fewest : {64, 32})
    for (int warpgroups = 2; warpgroups > 0; --warpgroups)
      for (int parts = 1; parts <= 8; ++parts)
        for (int keys = maps > 1 ? 64 : masked ? 128 : 192; keys >= fewest; keys -= 32)
          for (int stages = 4; stages >= 2; --stages) {
            if (value_size % (8 * parts) != 0) continue;
            const bool turns = warpgroups == 2 && parts == 1 && maps == 1;
            const attend_sm90_e4m3_tile tile{warpgroups, keys, value_size / parts, stages, turns, true,
                                             true,       maps};
            const int most = maps > 1 ? 176 : scored ? 192 : 208;
            if (tile.fits(size, value_size, keys_a_scale) && tile.accumulators(value_size) <= most)
              return tile;
          }
  return {0, 0, 0, 0, false, false, false};
}

}  // namespace byteloom::inline v0::cuda
