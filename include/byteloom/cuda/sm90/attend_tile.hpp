// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_tile: how many queries and keys a block of the Hopper attention takes at a time, from what
// fits: registers (scores, weights and output of 64 queries live in those of one warpgroup) and shared memory
// (queries once, keys and values twice). Any head size has a tile or a sentence.

#include <initializer_list>

#include "byteloom/core/config.hpp"
#include "byteloom/cuda/attend_needs.hpp"
#include "byteloom/cuda/fragment/swizzle.hpp"

namespace byteloom::inline v0::cuda {

/// Sizes of one attention on Hopper; what a tuning selector returns.
struct attend_sm90_tile {
  int warpgroups;  ///< 1 to 3 consumers of 64 queries each
  int keys;        ///< a multiple of 16
  bool ping_pong;  ///< warpgroups take turns at the tensor cores
  bool overlap;    ///< a warpgroup weighs scores while its own product with the values before runs
  int maps = 1;    ///< that share a value; the composition says it, and a warpgroup takes them in turn

  BYTELOOM_HD constexpr int queries() const { return 64 * warpgroups; }
  BYTELOOM_HD constexpr int threads() const { return 128 * (warpgroups + 1); }
  /// Registers a thread of a consumer, and of the producer, whose other warps may have queries to turn.
  BYTELOOM_HD constexpr int consumer_registers(bool turns = false) const {
    return warpgroups == 1 ? 256 : warpgroups == 2 ? (turns ? 224 : 240) : 160;
  }
  BYTELOOM_HD constexpr int producer_registers(bool turns = false) const {
    return warpgroups == 1 ? 56 : warpgroups == 2 ? (turns ? 56 : 24) : 32;
  }

  static constexpr int most_shared_bytes = 232448;  ///< of a block on Hopper
  static constexpr int stages = 2;                  ///< tiles of keys and of values in shared memory
  static constexpr int group_rows = 64;             ///< queries of a warpgroup
  static constexpr int element_bytes = 2;

  /// Of the queries of all maps.
  BYTELOOM_HD constexpr int queries_bytes(int size) const {
    return maps * fragment::tile_bytes(queries(), size);
  }
  BYTELOOM_HD constexpr int outputs_bytes(int value_size) const {
    return fragment::tile_bytes(queries(), value_size);
  }
  BYTELOOM_HD constexpr int key_bytes(int size) const { return fragment::tile_bytes(keys, size); }
  BYTELOOM_HD constexpr int value_bytes(int value_size) const {
    return fragment::tile_bytes(keys, value_size);
  }
  /// What one copy of values brings.
  BYTELOOM_HD constexpr int value_copy_bytes(int value_size) const { return value_bytes(value_size); }
  /// Queries, keys and values of the stages, aligned, and barriers.
  BYTELOOM_HD constexpr int input_bytes(int size, int value_size) const {
    return queries_bytes(size) + stages * (key_bytes(size) + value_bytes(value_size)) + 1024 + 256;
  }
  /// Whether outputs have a place of their own, so that the next queries come while they leave; else they
  /// take the queries'.
  BYTELOOM_HD constexpr bool own_outputs(int size, int value_size) const {
    return input_bytes(size, value_size) + outputs_bytes(value_size) <= most_shared_bytes;
  }
  /// Tiles of queries in shared memory: the next ones come while these are in use, where there is room.
  BYTELOOM_HD constexpr int query_stages(int size, int value_size) const {
    const int one = input_bytes(size, value_size) + outputs_bytes(value_size);
    return one + queries_bytes(size) <= most_shared_bytes ? 2 : 1;
  }
  /// Of a block.
  BYTELOOM_HD constexpr int shared_bytes(int size, int value_size) const {
    const int one = input_bytes(size, value_size);
    const int outputs = outputs_bytes(value_size);
    if (own_outputs(size, value_size))
      return one + outputs + (query_stages(size, value_size) - 1) * queries_bytes(size);
    return outputs > queries_bytes(size) ? one + outputs - queries_bytes(size) : one;
  }
  /// Accumulators of scores, packed weights and outputs; the rest of the budget is for addresses and hooks.
  BYTELOOM_HD constexpr int accumulators(int value_size) const {
    return keys / 2 + keys / 4 + maps * ((value_size + 7) / 8 * 4);
  }

  BYTELOOM_HD constexpr bool fits(int size, int value_size) const {
    return warpgroups >= 1 && warpgroups <= 3 && maps >= 1 && keys >= 16 && keys <= 256 && keys % 16 == 0 &&
           shared_bytes(size, value_size) <= most_shared_bytes &&
           accumulators(value_size) <= (warpgroups == 3 ? 132 : 208);
  }
};

/// The library's choice, from what was measured. Up to 64 dimensions the exponents take longer than the
/// products: three warpgroups, whose turns hide them better than a warpgroup's own product. Between 64 and
/// 128 dimensions a third warpgroup still pays. From there on two, with as many keys as fit; at most 128
/// where there is a mask, which keeps the tiles on its edge small. Second passes and maps need registers of
/// their own.
constexpr attend_sm90_tile choose_attend_sm90_tile(const attend_needs& needs) {
  const int size = needs.size, value_size = needs.value_size, maps = needs.maps, passes = needs.passes;
  if (maps == 1 && passes == 1) {
    if (size <= 64 && value_size <= 64) return {3, 128, true, false};
    if (size < 128 && value_size < 128)
      for (int keys = 128; keys >= 64; keys -= 16) {
        const attend_sm90_tile tile{3, keys, true, keys < 128};
        const int most = size <= 72 ? 132 : 127;  // more spills
        if (tile.fits(size, value_size) && tile.accumulators(value_size) <= most) return tile;
      }
  }
  // What was seen to compile without spills, or with a few outside the main loop.
  const bool plain = maps == 1 && passes == 1;
  const int most = plain ? 208 : passes == 1 ? 188 : 144;
  // Up to 128 dimensions more keys would leave no place for outputs and the next queries.
  const int most_keys = !plain ? 96 : needs.masked || (size <= 128 && value_size <= 128) ? 128 : 176;
  // Products of 16 keys leave the tensor cores idle: rather one warpgroup with more.
  for (const int fewest : {32, 16})
    for (int warpgroups = 2; warpgroups > 0; --warpgroups)
      for (int keys = most_keys; keys >= fewest; keys -= 16) {
        const bool turns = warpgroups == 2 && value_size <= 128 && maps == 1;
        const attend_sm90_tile tile{warpgroups, keys, turns, true, maps};
        if (tile.fits(size, value_size) && tile.accumulators(value_size) <= most) return tile;
      }
  return {0, 0, false, false};
}

/// A selector's tile.
template <class Tuning, attend_needs Needs>
inline constexpr attend_sm90_tile attend_sm90_tile_by = [] {
  attend_sm90_tile tile = Tuning::sm90(Needs);
  tile.maps = Needs.maps;
  return tile;
}();

}  // namespace byteloom::inline v0::cuda
