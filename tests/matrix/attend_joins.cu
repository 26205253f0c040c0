// SPDX-License-Identifier: Apache-2.0

// Prepared queries and keys through both tensor-core paths.

#include "matrix/agree.cuh"
#include "support/join_attentions.hpp"

TEST_CASE("prepared queries and keys on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_both_paths(draw, name, spec, shape, test::turned_bound);
  });
}
