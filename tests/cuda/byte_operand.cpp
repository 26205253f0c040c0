// SPDX-License-Identifier: Apache-2.0

// That accumulators packed where they stand are the left operand of the next product: host models of both
// layouts, written from the PTX ISA, multiply weights by values whose keys lie in the order of byte_operand.

#include "byteloom/cuda/fragment/byte_operand.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <set>

#include "support/random.hpp"

namespace fragment = byteloom::cuda::fragment;

TEST_CASE("every column has one place inside its run of 32") {
  for (int run = 0; run < 4; ++run) {
    std::set<int> columns;
    for (int place = 32 * run; place < 32 * run + 32; ++place) columns.insert(fragment::column_at(place));
    CHECK(columns.size() == 32);
    CHECK(*columns.begin() == 32 * run);
    CHECK(*columns.rbegin() == 32 * run + 31);
  }
}

TEST_CASE("packed accumulators times values in that order are weights times values") {
  constexpr int keys = 96;
  auto draw = test::generator();
  std::uniform_int_distribution<int> any(-9, 9);
  int weights[16][keys], values[keys];
  for (auto& row : weights)
    for (int& x : row) x = any(draw);
  for (int& x : values) x = any(draw);

  for (int lane = 0; lane < 32; ++lane)
    for (int k = 0; k < keys / 32; ++k)
      for (int part = 0; part < 4; ++part)
        for (int byte = 0; byte < 4; ++byte) {
          // Of m64nN accumulators a lane holds rows lane / 4 and 8 below, columns 8 j + 2 (lane % 4) + {0,
          // 1}.
          const auto from = fragment::accumulator_of(k, part, byte);
          const int row = lane / 4 + from.which / 2 * 8;
          const int column = 8 * from.group + lane % 4 * 2 + from.which % 2;
          // Of m64nNk32's left operand, register `part`: rows lane / 4 and 8 below in turn, 4 neighbours of
          // the depth from 4 (lane % 4) on, 16 further in the second two registers.
          const int wanted_row = lane / 4 + part % 2 * 8;
          const int place = 32 * k + part / 2 * 16 + lane % 4 * 4 + byte;
          CHECK(row == wanted_row);
          CHECK(column == fragment::column_at(place));
        }
  for (const auto& row : weights) {
    int plain = 0, permuted = 0;
    for (int key = 0; key < keys; ++key) {
      plain += row[key] * values[key];
      permuted += row[fragment::column_at(key)] * values[fragment::column_at(key)];
    }
    CHECK(plain == permuted);
  }
}

TEST_CASE("words of 4 keys by 4 dimensions are transposed by bytes") {
  // The byte permutations of cuda/sm90/transpose_values, on the host.
  const auto permute = [](std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
    const std::uint64_t both = std::uint64_t{b} << 32 | a;
    std::uint32_t result = 0;
    for (unsigned i = 0; i < 4; ++i)
      result |= static_cast<std::uint32_t>(both >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
    return result;
  };
  std::uint32_t x[4];
  for (unsigned key = 0; key < 4; ++key) {
    x[key] = 0;
    for (unsigned dimension = 0; dimension < 4; ++dimension)
      x[key] |= (16 * key + dimension) << (8 * dimension);
  }
  const std::uint32_t low[2] = {permute(x[0], x[1], 0x5140), permute(x[2], x[3], 0x5140)};
  const std::uint32_t high[2] = {permute(x[0], x[1], 0x7362), permute(x[2], x[3], 0x7362)};
  const std::uint32_t found[4] = {permute(low[0], low[1], 0x5410), permute(low[0], low[1], 0x7632),
                                  permute(high[0], high[1], 0x5410), permute(high[0], high[1], 0x7632)};
  for (unsigned dimension = 0; dimension < 4; ++dimension)
    for (unsigned key = 0; key < 4; ++key)
      CHECK((found[dimension] >> (8 * key) & 0xff) == 16 * key + dimension);
}
