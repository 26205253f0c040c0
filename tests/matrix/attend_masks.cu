// SPDX-License-Identifier: Apache-2.0

// Every mask of tests/support/masks.hpp through both tensor-core paths, alone and beside a score and a
// position policy.

#include "byteloom/attend/score/alibi.hpp"
#include "matrix/agree.cuh"
#include "support/masks.hpp"

TEST_CASE("masks on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_mask([&](const char* name, const auto& mask, int queries, int keys) {
    using mask_type = std::remove_cvref_t<decltype(mask)>;
    const bl::attention<bl::heads<4, 2, 32>, mask_type> spec{mask};
    test::check_both_paths(draw, name, spec, {2, queries, keys}, test::bf16_bound);
  });
}
