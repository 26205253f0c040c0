// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_tile: how many queries and keys a block of the Hopper attention takes at a time, from what
// fits: registers (scores, weights and output of 64 queries live in those of one warpgroup) and shared memory
// (queries once, keys and values twice). Any head size has a tile or a sentence.

#include "byteloom/core/config.hpp"
#include "byteloom/cuda/fragment/swizzle.hpp"

namespace byteloom::inline v0::cuda {

/// Sizes of one attention on Hopper; what a tuning selector returns.
struct attend_sm90_tile {
  int warpgroups;  ///< 1 to 3 consumers of 64 queries each
  int keys;        ///< a multiple of 16
  bool ping_pong;  ///< warpgroups take turns at the tensor cores
  bool overlap;    ///< a warpgroup weighs scores while its own product with the values before runs

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
  static constexpr int stages = 2;                  ///< tiles of keys and of values in shared memory

  /// Of the tiles in shared memory.
  BYTELOOM_HD constexpr int query_bytes(int size) const { return fragment::tile_bytes(queries(), size); }
  BYTELOOM_HD constexpr int key_bytes(int size) const { return fragment::tile_bytes(keys, size); }
  BYTELOOM_HD constexpr int value_bytes(int value_size) const {
    return fragment::tile_bytes(keys, value_size);
  }

  /// Queries, keys and values of the stages, aligned, and barriers.
  BYTELOOM_HD constexpr int input_bytes(int size, int value_size) const {
    return query_bytes(size) + stages * (key_bytes(size) + value_bytes(value_size)) + 1024 + 256;
  }
  /// Whether outputs have a place of their own, so that the next queries come while they leave; else they
  /// take the queries'.
  BYTELOOM_HD constexpr bool own_outputs(int size, int value_size) const {
    return input_bytes(size, value_size) + fragment::tile_bytes(queries(), value_size) <= most_shared_bytes;
  }
  /// Of a block.
  BYTELOOM_HD constexpr int shared_bytes(int size, int value_size) const {
    const int more = fragment::tile_bytes(queries(), value_size) -
                     (own_outputs(size, value_size) ? 0 : fragment::tile_bytes(queries(), size));
    return input_bytes(size, value_size) + (more > 0 ? more : 0);
  }
  /// Accumulators of scores, packed weights and output; the rest of the budget is for addresses and hooks.
  BYTELOOM_HD constexpr int accumulators(int value_size) const {
    return keys / 2 + keys / 4 + (value_size + 7) / 8 * 4;
  }

  BYTELOOM_HD constexpr bool fits(int size, int value_size) const {
    return warpgroups >= 1 && warpgroups <= 3 && keys >= 16 && keys <= 256 && keys % 16 == 0 &&
           shared_bytes(size, value_size) <= most_shared_bytes &&
           accumulators(value_size) <= (warpgroups == 3 ? 128 : 208);
  }
};

/// The library's choice, from what was measured. Up to 64 dimensions the exponents take longer than the
/// products: three warpgroups, whose turns hide them better than a warpgroup's own product. Between 64 and
/// 128 dimensions a third warpgroup still pays. From there on two, with as many keys as fit; at most 128
/// where there is a mask, which keeps the tiles on its edge small.
constexpr attend_sm90_tile choose_attend_sm90_tile(int size, int value_size, bool masked) {
  if (size <= 64 && value_size <= 64) return {3, 128, true, false};
  if (size < 128 && value_size < 128)
    for (int keys = 96; keys >= 64; keys -= 16) {
      const attend_sm90_tile tile{3, keys, true, true};
      if (tile.fits(size, value_size) && tile.accumulators(value_size) < 128) return tile;  // 128 spills here
    }
  for (int warpgroups = 2; warpgroups > 0; --warpgroups)
    for (int keys = masked ? 128 : 176; keys >= 16; keys -= 16) {
      const attend_sm90_tile tile{warpgroups, keys, warpgroups == 2 && value_size <= 128, true};
      if (tile.fits(size, value_size)) return tile;
    }
  return {0, 0, false, false};
}

}  // namespace byteloom::inline v0::cuda
