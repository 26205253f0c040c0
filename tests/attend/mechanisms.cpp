// SPDX-License-Identifier: Apache-2.0

// Attentions of papers that join a mask with a score policy, against formulas written down from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "byteloom/attend/mask/lambda.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/clamped_distance.hpp"
#include "byteloom/attend/score/relative_bias.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

constexpr double root16 = 4.0;

/// Window attention over a map as Swin computes it: roll the map by the shift, cut it in windows, add the
/// bias of the rolled offset and -100 where a window joins regions that only the roll brought together.
template <int Axes>
void check_swin(std::mt19937_64& draw, std::array<int, Axes> map, std::array<int, Axes> window,
                std::array<int, Axes> shift) {
  int tokens = 1;
  bl::index rows = 1;
  bl::raster<Axes> cells{}, table_of{};
  for (std::size_t a = 0; a < Axes; ++a) {
    tokens *= map[a];
    rows *= 2 * window[a] - 1;
    cells.extent[a] = map[a];
    table_of.extent[a] = window[a];
  }
  test::random_table table(draw, 1.0f, rows, 3);
  using windows = bl::mask::windows<Axes>;
  using bias = bl::score::relative_bias<Axes>;
  const bl::attention<bl::heads<3, 3, 16>, windows, bias> spec{windows(map, window, shift),
                                                               bias{table.matrix(), cells, table_of}};
  test::formulas by;
  by.score = [&](double dot, int, int head, int query, int key) {
    int row = 0;
    bool joined_by_roll = false;
    int stride = tokens;
    for (std::size_t a = 0; a < Axes; ++a) {
      const bool whole = map[a] <= window[a];
      const int side = whole ? map[a] : window[a];
      const int by_cells = whole ? 0 : shift[a];
      stride /= map[a];
      const auto rolled = [&](int token) { return (token / stride % map[a] - by_cells + map[a]) % map[a]; };
      const auto region = [&](int at) { return at < map[a] - side ? 0 : at < map[a] - by_cells ? 1 : 2; };
      const int i = rolled(query), j = rolled(key);
      if (i / side != j / side) return test::unseen;
      joined_by_roll = joined_by_roll || region(i) != region(j);
      row = row * (2 * window[a] - 1) + i - j + window[a] - 1;
    }
    return dot / root16 + static_cast<double>(table.matrix()(row, head)) - (joined_by_roll ? 100.0 : 0.0);
  };
  const test::attend_inputs in(draw, spec, {1, tokens, tokens}, 1.0f);
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

}  // namespace

TEST_CASE("MSK-01 (partial: no rotary branch) LM-Infinite with ALiBi: lambda mask, distance clamped") {
  auto draw = test::generator();
  constexpr int local = 24, global = 5;
  using alibi = bl::score::alibi<4>;
  using clamped = bl::score::clamped_distance<alibi>;
  const bl::attention<bl::heads<4, 2, 16>, bl::mask::lambda<global, local>, clamped> spec{
      clamped{alibi{}, local}};
  test::formulas by;
  by.score = [&](double dot, int, int head, int i, int j) {
    if (j > i || (i - j >= local && j >= global)) return test::unseen;
    return dot / root16 - std::pow(2.0, -8.0 * (head + 1) / 4) * std::min(i - j, local);
  };
  for (const auto shape : {test::attend_shape{2, 90, 90}, test::attend_shape{1, 1, 77}}) {
    const test::attend_inputs in(draw, spec, shape, 1.0f);
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  }
}

TEST_CASE("MSK-06 (partial: no patch merging) Swin: windows, shifted ones, and their bias") {
  auto draw = test::generator();
  check_swin<2>(draw, {14, 14}, {7, 7}, {0, 0});
  check_swin<2>(draw, {14, 14}, {7, 7}, {3, 3});
  check_swin<2>(draw, {7, 14}, {7, 7}, {3, 3});
}

TEST_CASE("MSK-07 (partial: no patches, no merging) Video Swin: windows, shifted ones, and their bias") {
  auto draw = test::generator();
  check_swin<3>(draw, {4, 6, 6}, {2, 3, 3}, {0, 0, 0});
  check_swin<3>(draw, {4, 6, 6}, {2, 3, 3}, {1, 1, 1});
}

TEST_CASE("MSK-08 (partial: no stages) Swin-Free: windows of 7 and of 14 with their biases, never shifted") {
  auto draw = test::generator();
  check_swin<2>(draw, {14, 14}, {7, 7}, {});
  check_swin<2>(draw, {14, 14}, {14, 14}, {});
}
