// SPDX-License-Identifier: Apache-2.0

#include "byteloom/position/rope.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE("rope turns by position times frequency") {
  const bl::position::rope<> rope{10000.0};
  for (const bl::index place : {0, 1, 7, 2047, 131071})
    for (int pair = 0; pair < 32; ++pair) {
      const long double angle = static_cast<long double>(place) * std::pow(10000.0L, -2.0L * pair / 64);
      const auto turn = rope.at<double>(place, pair, 64);
      CHECK(turn.cosine == doctest::Approx(static_cast<double>(std::cos(angle))).epsilon(1e-9));
      CHECK(turn.sine == doctest::Approx(static_cast<double>(std::sin(angle))).epsilon(1e-9));
      const auto single = rope.at<float>(place, pair, 64);
      CHECK(std::abs(single.cosine - static_cast<float>(std::cos(angle))) < 1e-6f);
      CHECK(std::abs(single.sine - static_cast<float>(std::sin(angle))) < 1e-6f);
    }
}

TEST_CASE("a dot product after rope depends on the distance alone") {
  auto draw = test::generator();
  std::normal_distribution<double> normal;
  const bl::position::rope<bl::position::pairing::interleaved> rope;
  const int size = 16;
  std::vector<double> q(size), k(size);
  for (auto& x : q) x = normal(draw);
  for (auto& x : k) x = normal(draw);
  const auto dot_at = [&](bl::index query, bl::index key) {
    double dot = 0;
    for (int pair = 0; pair < size / 2; ++pair) {
      const auto a = static_cast<std::size_t>(rope.first_of(pair, size));
      const auto b = static_cast<std::size_t>(rope.second_of(pair, size));
      const auto tq = rope.at<double>(query, pair, size);
      const auto tk = rope.at<double>(key, pair, size);
      dot += tq.first(q[a], q[b]) * tk.first(k[a], k[b]) + tq.second(q[a], q[b]) * tk.second(k[a], k[b]);
    }
    return dot;
  };
  CHECK(dot_at(100, 93) == doctest::Approx(dot_at(1007, 1000)).epsilon(1e-9));
  CHECK(dot_at(0, 0) == doctest::Approx(dot_at(555, 555)).epsilon(1e-9));
  CHECK(dot_at(100, 93) != doctest::Approx(dot_at(100, 92)).epsilon(1e-6));
}

TEST_CASE("pairs cover every dimension once") {
  const auto check = [](auto rope) {
    for (const int size : {2, 8, 64, 130}) {
      std::vector<int> seen(static_cast<std::size_t>(size));
      for (int pair = 0; pair < size / 2; ++pair) {
        ++seen[static_cast<std::size_t>(rope.first_of(pair, size))];
        ++seen[static_cast<std::size_t>(rope.second_of(pair, size))];
      }
      for (int count : seen) CHECK(count == 1);
    }
  };
  check(bl::position::rope<bl::position::pairing::half_split>{});
  check(bl::position::rope<bl::position::pairing::interleaved>{});
}
