// SPDX-License-Identifier: Apache-2.0

// The tiles that the Hopper attention of 16-bit elements takes: every head size has one, and it fits by
// numbers that are written here again.

#include "byteloom/cuda/sm90/attend_tile.hpp"

#include <doctest/doctest.h>

namespace cuda = byteloom::cuda;

namespace {

constexpr int most_bytes = 232448;

void check_tile(const cuda::attend_needs& needs) {
  CAPTURE(needs.size);
  CAPTURE(needs.value_size);
  CAPTURE(needs.masked);
  CAPTURE(needs.maps);
  CAPTURE(needs.passes);
  auto tile = cuda::choose_attend_sm90_tile(needs);
  tile.maps = needs.maps;
  const int size = needs.size, value_size = needs.value_size;
  REQUIRE(tile.fits(size, value_size));
  // independently: rows of whole 128 bytes
  const int row = (size + 63) / 64 * 128;
  const int value_row = (value_size + 63) / 64 * 128;
  const int queries = needs.maps * tile.queries() * row;
  const int outputs = tile.queries() * value_row;
  const int inputs = queries + 2 * tile.keys * (row + value_row) + 1024 + 256;
  const int all = inputs + outputs + queries <= most_bytes ? inputs + outputs + queries
                  : inputs + outputs <= most_bytes         ? inputs + outputs
                  : outputs > queries                      ? inputs + outputs - queries
                                                           : inputs;
  CHECK(tile.shared_bytes(size, value_size) == all);
  CHECK(all <= most_bytes);
  CHECK((4 * 2 + 2 * 2 + 2 * 4 + 1) * 8 + 4 * 16 <= 256);  // barriers and query tiles
  // scores in float, weights in 16 bits, outputs in float, over the 128 threads of a warpgroup
  CHECK(tile.accumulators(value_size) ==
        (64 * tile.keys + 64 * tile.keys / 2 + 64 * needs.maps * ((value_size + 7) / 8 * 8)) / 128);
  CHECK(tile.warpgroups * tile.consumer_registers() + tile.producer_registers() <= 512);
  // turns are taken by warpgroups that have others
  if (tile.ping_pong) CHECK(tile.warpgroups > 1);
}

}  // namespace

TEST_CASE("every head size from 8 to 256 has a tile that fits a Hopper GPU") {
  for (const bool masked : {false, true})
    for (int size = 8; size <= 256; size += 8) {
      check_tile({size, size, masked, 1, 1});
      check_tile({size, 64, masked, 1, 1});
      check_tile({size, 256, masked, 1, 1});
      check_tile({size, size, masked, 1, 2});
      if (size <= 128) check_tile({size, size, masked, 2, 1});
    }
}

TEST_CASE("wide heads have a tile for a part of their values, by one warpgroup with keys enough") {
  for (const int value_size : {64, 128, 256}) {
    check_tile({576, value_size, true, 1, 1});
    const auto tile = cuda::choose_attend_sm90_tile({576, value_size, true, 1, 1});
    CHECK(tile.keys >= 32);
  }
  CHECK_FALSE(cuda::choose_attend_sm90_tile({576, 512, false, 1, 1}).fits(576, 512));
}
