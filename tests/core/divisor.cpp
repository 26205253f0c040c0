// SPDX-License-Identifier: Apache-2.0

// Division by a multiplication against division.

#include <doctest/doctest.h>

#include <limits>
#include <type_traits>

#include "byteloom/core/divisor.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE("a divisor given at run time divides every int") {
  auto draw = test::generator();
  constexpr int largest = std::numeric_limits<int>::max();
  const auto agrees = [](int by) {
    const bl::divisor<> divisor(by);
    const auto one = [&](int of) {
      return divisor.quotient(of) == of / by && divisor.remainder(of) == of % by;
    };
    bool good = divisor.value == by;
    for (int of = 0; of < 300; ++of) good = good && one(of) && one(largest - of);
    for (const int times : {1, 2, 3, largest / by / 2, largest / by - 1, largest / by})
      for (const int more : {-1, 0, 1}) {
        const long long of = static_cast<long long>(times) * by + more;
        if (of >= 0 && of <= largest) good = good && one(static_cast<int>(of));
      }
    return good;
  };
  for (int by = 1; by < 2000; ++by) CHECK(agrees(by));
  for (int bit = 0; bit < 31; ++bit)
    for (const int more : {-1, 0, 1})
      if ((1 << bit) + more > 0) CHECK(agrees((1 << bit) + more));
  for (int round = 0; round < 2000; ++round)
    CHECK(agrees(std::uniform_int_distribution<int>(1, largest)(draw)));
  CHECK(agrees(largest));
}

TEST_CASE("a divisor that is part of a type takes no room") {
  CHECK(std::is_empty_v<bl::divisor<24>>);
  CHECK(bl::divisor<24>::quotient(71) == 2);
  CHECK(bl::divisor<24>::remainder(71) == 23);
  CHECK(bl::divisor<>{0}.value == 0);
}
