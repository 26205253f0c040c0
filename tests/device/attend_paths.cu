// SPDX-License-Identifier: Apache-2.0

// A few compositions through both tensor-core paths; tests/matrix has all of them.

#include "matrix/agree.cuh"

/// A selector for Hopper alone; nothing asks it for a tile of Ampere where Hopper has one.
struct hopper_tiles {
  static constexpr bl::cuda::attend_sm90_tile sm90(const bl::cuda::attend_needs& needs) {
    return bl::cuda::choose_attend_sm90_tile(needs);
  }
};
static_assert(
    bl::cuda::detail::value_part<hopper_tiles, bl::path::best, bl::attention<bl::heads<2, 2, 128>>> == 128);

TEST_CASE("attention on tensor cores agrees with the reference") {
  using namespace bl;
  auto draw = test::generator();
  test::check_both_paths(draw, "full", attention<heads<4, 2, 64>>{}, {2, 77, 389}, test::bf16_bound);
  test::check_both_paths(draw, "causal with values of their own size",
                         attention<heads<4, 2, 192, 128>, mask::causal>{}, {2, 129, 200}, test::bf16_bound);
  test::check_both_paths(
      draw, "user's mask and score, rope",
      attention<heads<4, 1, 40>, position::rope<>, test::every_third, test::coordinate_bias>{}, {3, 1, 61},
      test::turned_bound);
}
