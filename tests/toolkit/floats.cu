// SPDX-License-Identifier: Apache-2.0

// Our number formats against the toolkit's headers, on the host: no GPU is needed.

#include <doctest/doctest.h>

#include "toolkit/floats.hpp"

TEST_CASE("every bit pattern widens as in the toolkit's headers") {
  for (std::uint32_t code = 0; code < 65536; ++code) {
    CAPTURE(code);
    REQUIRE(test::widening_differs(code) == 0);
  }
}

TEST_CASE("narrowing rounds as in the toolkit's headers") {
  for (std::uint32_t i = 0; i < test::probes; ++i) {
    const float x = test::probe(i);
    if (test::narrowing_differs(x) != 0) {
      CAPTURE(x);
      REQUIRE(test::narrowing_differs(x) == 0);
    }
  }
}
