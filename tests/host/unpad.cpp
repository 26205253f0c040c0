// SPDX-License-Identifier: Apache-2.0

// Rows of a padded batch, packed by a mask and brought back.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "byteloom/host/normalize.hpp"
#include "byteloom/host/unpad.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace bl = byteloom;

TEST_CASE("packed rows are those of the mask, in order, and each finds its way back") {
  auto draw = test::generator();
  const auto check = [&](bl::index sequences, bl::index positions, double share) {
    std::vector<unsigned char> mask(static_cast<std::size_t>(sequences * positions));
    for (auto& own : mask) own = std::bernoulli_distribution(share)(draw) ? 7 : 0;
    const bl::host_view<const unsigned char, 2> view(mask.data(), sequences, positions);
    const bl::unpadded found = bl::unpad(bl::host::here(), view);
    std::vector<int> rows, offsets{0};
    int longest = 0;
    for (bl::index b = 0; b < sequences; ++b) {
      for (bl::index i = 0; i < positions; ++i)
        if (view(b, i) != 0) rows.push_back(static_cast<int>(b * positions + i));
      offsets.push_back(static_cast<int>(rows.size()));
      longest = std::max(longest, offsets.back() - offsets[static_cast<std::size_t>(b)]);
    }
    CHECK(found.rows == rows);
    CHECK(found.offsets == offsets);
    CHECK(found.longest == longest);
    CHECK(found.sequences().sequences() == sequences);
    std::vector<int> back(mask.size(), -1);
    for (std::size_t i = 0; i < rows.size(); ++i)
      back[static_cast<std::size_t>(rows[i])] = static_cast<int>(i);
    CHECK(found.back == back);
  };
  check(5, 13, 0.6);
  check(1, 40, 0.5);
  check(4, 9, 0.0);  // nothing to keep
  check(3, 8, 1.0);  // nothing to pack
  check(0, 8, 1.0);
  check(3, 0, 1.0);
  check(3000, 2000, 0.3);  // enough for several threads
}

TEST_CASE("a norm brings packed rows back, and writes zeros where there were none") {
  auto draw = test::generator();
  const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, 4, 6);
  const std::vector<int> back{2, -1, 0, 3, -1, 1, 0};
  const std::vector<float> weight(6, 1.5f), bias(6, 0.25f);
  const bl::normed<bl::norm::layer> by{{}, weight.data(), bias.data()};
  auto plain = test::poisoned_tensor<float>(1, 1, 4, 6), found = test::poisoned_tensor<float>(1, 1, 7, 6);
  const bl::source::rows<bl::memory::host> source{x.matrix()};
  bl::normalize(bl::host::here(), source, by, bl::host_view<float, 2>(plain.data.data(), 4, 6));
  bl::normalize(bl::host::here(), source, by, bl::host_view<const int, 1>(back.data(), 7),
                bl::host_view<float, 2>(found.data.data(), 7, 6));
  for (bl::index row = 0; row < 7; ++row)
    for (bl::index c = 0; c < 6; ++c) {
      const int from = back[static_cast<std::size_t>(row)];
      CHECK(found.matrix()(row, c) == (from < 0 ? 0.0f : plain.matrix()(from, c)));
    }
}

TEST_CASE("a batch of more rows than an int counts is refused by name") {
  const int one = 1;
  bl::host_view<const int, 2> mask(&one, 1, 1);
  mask.extent[0] = mask.extent[1] = 65536;  // all of them the same number
  mask.stride[0] = mask.stride[1] = 0;
  CHECK_THROWS_WITH_AS(bl::unpad(bl::host::here(), mask),
                       doctest::Contains("unpad: a mask of 4294967296 rows"), bl::shape_error);
}
