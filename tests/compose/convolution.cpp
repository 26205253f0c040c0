// SPDX-License-Identifier: Apache-2.0

// Convolutions as sources of a stage, against sums over what a filter covers.

#include "byteloom/compose/convolution.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/layers.hpp"
#include "support/maps.hpp"
#include "support/random.hpp"

namespace bl = byteloom;
namespace source = byteloom::source;

TEST_CASE("convolutions see what their filter covers and zeros beside the map") {
  auto draw = test::generator();
  constexpr int maps = 2, height = 7, width = 10, channels = 3, outputs = 5;
  const test::rows x = test::random_rows(draw, maps * height * width, channels);
  const test::matrix given = test::floats(x);
  for (const test::filter_shape by : {test::filter_shape{1, 1, 0, 0},
                                      {3, 1, 1, 1},
                                      {3, 2, 1, 1},
                                      {3, 2, 0, 1},
                                      {7, 4, 3, 3},
                                      {2, 2, 0, 0},
                                      {4, 3, 5, 2}}) {
    CAPTURE(by.side);
    CAPTURE(by.stride);
    const source::filter filter{by.side, by.stride, by.before, by.behind};
    CHECK(filter.outputs(height) == by.outputs(height));
    const bl::index count = maps * filter.outputs(height) * filter.outputs(width);
    const test::dense filters(draw, outputs, by.side * by.side * channels);
    const source::unfolded covered(given.source(), height, width, channels, filter);
    CHECK(test::error(test::through(covered, test::as_is, filters, true, count),
                      test::convolved(x, height, width, by, filters, true)) < 1e-6);
    const auto own = test::random_tensor<float>(draw, 1.0f, 1, 1, by.side * by.side, channels);
    const source::depthwise by_channel(given.source(), height, width, filter, own.matrix());
    CHECK(test::error(test::kept(by_channel, test::as_is, count, channels),
                      test::convolved_by_channel(x, height, width, by, own)) < 1e-6);
  }
}

TEST_CASE("an activation without a matrix and rows that repeat are sources") {
  auto draw = test::generator();
  const test::rows x = test::random_rows(draw, 3, 4);
  const test::matrix given = test::floats(x);
  test::rows wanted;
  for (const auto& row : test::each(x, [](double number) { return 1 / (1 + std::exp(-number)); }))
    wanted.insert(wanted.end(), 5, row);
  const source::repeated found{source::activated{given.source(), bl::activation::sigmoid{}}, bl::index{5}};
  CHECK(test::error(test::kept(found, test::as_is, 15, 4), wanted) < 1e-6);
}
