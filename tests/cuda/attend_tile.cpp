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
  constexpr cuda::attend_sm80_tile tile = cuda::default_attend_sm80_tuning::sm80(Size, ValueSize, false);
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

TEST_CASE("what fits nowhere has no tile") {
  CHECK(cuda::default_attend_sm80_tuning::sm80(512, 512, false).warps == 0);
  CHECK(cuda::default_attend_sm80_tuning::sm80(20, 64, false).warps == 0);
  CHECK_FALSE(cuda::attend_sm80_tile{4, 2, 64, 1, false}.fits(256, 256));
  CHECK_FALSE(cuda::attend_sm80_tile{4, 1, 40, 1, false}.fits(64, 64));
  CHECK_FALSE(cuda::attend_sm80_tile{3, 1, 32, 1, false}.fits(64, 64));
}
