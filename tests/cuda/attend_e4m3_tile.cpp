// SPDX-License-Identifier: Apache-2.0

// The tile of every head size of e4m3 fits what Hopper has.

#include "byteloom/cuda/sm90/attend_e4m3_tile.hpp"

#include <doctest/doctest.h>

namespace cuda = byteloom::cuda;

namespace {

void check_tile(int size, int value_size) {
  for (const bool masked : {false, true})
    for (const int keys_a_scale : {0, 128}) {
      CAPTURE(size);
      CAPTURE(value_size);
      CAPTURE(masked);
      CAPTURE(keys_a_scale);
      const bool scored = size % 32 == 0;
      const auto tile = cuda::choose_attend_sm90_e4m3_tile(size, value_size, masked, keys_a_scale, scored);
      if (scored) CHECK(tile.accumulators(value_size) <= 192);
      CHECK(tile.fits(size, value_size, keys_a_scale));
      if (keys_a_scale != 0) CHECK(128 % tile.keys == 0);
      // independently: rows of whole 128 bytes of queries and keys, values without padding but whole
      // kilobytes
      const int row = (size + 127) / 128 * 128;
      const int values = (value_size * tile.keys + 1023) / 1024 * 1024;
      const int inputs = tile.queries() * row + tile.stages * (tile.keys * row + values) + 1024 + 320;
      const int outputs = tile.queries() * ((value_size + 63) / 64 * 128);
      const bool twice = inputs + outputs + tile.queries() * row <= 232448;  // room for the next queries
      const int all = twice                                ? inputs + outputs + tile.queries() * row
                      : tile.own_outputs(size, value_size) ? inputs + outputs
                      : outputs > tile.queries() * row     ? inputs + outputs - tile.queries() * row
                                                           : inputs;
      CHECK(tile.shared_bytes(size, value_size) == all);
      CHECK(all <= 232448);
      CHECK(tile.accumulators(value_size) ==
            (64 * tile.keys + 64 * tile.keys / 4 + 64 * value_size + 64 * tile.value_columns) / 128);
      CHECK((4 * tile.stages + 2 * 2 + 2 * 4 + 1) * 8 + 4 * 16 <= 320);  // barriers and query tiles
    }
}

}  // namespace

TEST_CASE("every head size of e4m3 from 16 to 256 has a tile that fits") {
  for (int size = 16; size <= 256; size += 16)
    for (int value_size = 16; value_size <= 256; value_size += 16) check_tile(size, value_size);
}

TEST_CASE("maps that share a value have tiles with registers of their own") {
  for (int maps = 2; maps <= 3; ++maps)
    for (const int value_size : {16, 64, 128}) {
      if (maps * value_size > 256) continue;
      CAPTURE(maps);
      CAPTURE(value_size);
      const auto one = cuda::choose_attend_sm90_e4m3_tile(64, value_size, true, 0);
      const auto tile = cuda::choose_attend_sm90_e4m3_tile(64, value_size, true, 0, false, maps);
      REQUIRE(tile.fits(64, value_size, 0));
      CHECK(tile.maps == maps);
      CHECK(tile.queries_bytes(64) == maps * tile.queries() * 128);
      CHECK(tile.accumulators(value_size) ==
            tile.keys / 2 + tile.keys / 8 + maps * value_size / 2 + tile.value_columns / 2);
      CHECK(tile.keys <= one.keys);
    }
}

TEST_CASE("what fits nowhere has no tile") {
  CHECK(cuda::choose_attend_sm90_e4m3_tile(64, 512, false, 0).warpgroups == 0);
  const cuda::attend_sm90_e4m3_tile one_level{2, 128, 128, 2, true, true, false};
  CHECK(one_level.fits(128, 128, 0));
  CHECK_FALSE(one_level.fits(128, 128, 128));  // scales by key need two levels
  CHECK_FALSE(cuda::attend_sm90_e4m3_tile{2, 192, 128, 2, true, true, true}.fits(128, 128, 0));
}
