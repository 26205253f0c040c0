// SPDX-License-Identifier: Apache-2.0

// The tile of every head size fits what every GPU from Ampere on has.

#include "byteloom/cuda/sm80/attend_tile.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace cuda = byteloom::cuda;

namespace {

template <int Size, int ValueSize>
void check_tile() {
  CAPTURE(Size);
  CAPTURE(ValueSize);
  constexpr cuda::attend_sm80_tile tile = cuda::default_attend_sm80_tuning::sm80({Size, ValueSize});
  CHECK(tile.fits(Size, ValueSize));
  const int widest = (Size > ValueSize ? Size : ValueSize);
  // independently: queries, then keys and values of the stages, in rows of a multiple of 32 bytes
  const int row = (Size * 2 + 31) / 32 * 32;
  const int value_row = (ValueSize * 2 + 31) / 32 * 32;
  const int inputs = tile.queries() * row + tile.stages * tile.keys * (row + value_row);
  const int outputs = tile.queries() * value_row;
  CHECK(tile.shared_bytes(Size, ValueSize) == (inputs > outputs ? inputs : outputs));
  CHECK(tile.shared_bytes(Size, ValueSize) <= 101376);
  if (widest <= 256) CHECK(2 * tile.shared_bytes(Size, ValueSize) <= 164 * 1024);  // two blocks on an A100
  CHECK(tile.accumulators(ValueSize) + tile.query_registers(Size) <= 208);
  CHECK(tile.threads() == 128);
}

/// Maps that share a value have warps, queries and keys of their own.
template <int Maps, int Size, int ValueSize>
void check_maps() {
  CAPTURE(Maps);
  CAPTURE(Size);
  CAPTURE(ValueSize);
  constexpr cuda::attend_sm80_tile tile =
      cuda::attend_sm80_tile_by<cuda::default_attend_sm80_tuning,
                                cuda::attend_needs{Size, ValueSize, true, Maps}>;
  CHECK(tile.fits(Size, ValueSize));
  CHECK(tile.maps == Maps);
  CHECK(tile.threads() == 32 * tile.warps * Maps);
  const int row = (Size * 2 + 31) / 32 * 32;
  const int value_row = (ValueSize * 2 + 31) / 32 * 32;
  const int inputs = Maps * tile.queries() * row + tile.stages * tile.keys * (Maps * row + value_row);
  const int joined = tile.queries() * ValueSize * 4;  // in float
  CHECK(tile.shared_bytes(Size, ValueSize) == (inputs > joined ? inputs : joined));
  CHECK(tile.shared_bytes(Size, ValueSize) <= 101376);
  CHECK(tile.threads() * (tile.accumulators(ValueSize) + tile.query_registers(Size) + 31) <= 65536);
  CHECK(tile.threads() % 64 == 0);  // rows that a thread copies lie multiples of 8 apart
}

/// A selector that knows nothing of maps.
struct without_maps {
  static consteval cuda::attend_sm80_tile sm80(const cuda::attend_needs&) { return {4, 1, 32, 1, false}; }
};

template <int... I>
void check_square(std::integer_sequence<int, I...>) {
  (check_tile<8 * (I + 1), 8 * (I + 1)>(), ...);
}

}  // namespace

TEST_CASE("every head size from 8 to 256 has a tile that fits an Ampere GPU") {
  check_square(std::make_integer_sequence<int, 32>());
  check_tile<192, 128>();
  check_tile<64, 256>();
  check_tile<256, 8>();
  check_tile<8, 256>();
  check_tile<512, 64>();
  check_tile<512, 256>();
  check_tile<64, 384>();
}

TEST_CASE("maps that share a value have a tile that fits an Ampere GPU") {
  check_maps<2, 8, 8>();
  check_maps<2, 32, 64>();
  check_maps<2, 64, 64>();
  check_maps<2, 64, 128>();
  check_maps<2, 128, 256>();
  check_maps<2, 192, 384>();
  check_maps<3, 24, 40>();
  check_maps<3, 64, 64>();
  check_maps<4, 64, 128>();
  constexpr auto tile = cuda::attend_sm80_tile_by<without_maps, cuda::attend_needs{64, 64, true, 2}>;
  CHECK(tile.maps == 2);
  CHECK(tile.threads() == 256);
}

TEST_CASE("what fits nowhere has no tile") {
  CHECK(cuda::default_attend_sm80_tuning::sm80({64, 512, true, 2}).warps == 0);
  CHECK(cuda::default_attend_sm80_tuning::sm80({64, 64, true, 40}).warps == 0);
  CHECK_FALSE(cuda::attend_sm80_tile{8, 2, 64, 1, false, 3}.fits(64, 64));  // registers of so many threads
  CHECK(cuda::default_attend_sm80_tuning::sm80({512, 512, false}).warps == 0);
  CHECK(cuda::default_attend_sm80_tuning::sm80({20, 64, false}).warps == 0);
  CHECK_FALSE(cuda::attend_sm80_tile{4, 2, 64, 1, false}.fits(256, 256));
  CHECK_FALSE(cuda::attend_sm80_tile{4, 1, 40, 1, false}.fits(64, 64));
  CHECK_FALSE(cuda::attend_sm80_tile{3, 1, 32, 1, false}.fits(64, 64));
}
