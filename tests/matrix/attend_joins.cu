// SPDX-License-Identifier: Apache-2.0

// Prepared queries and keys, maps, keys of another sequence and changed outputs through the tensor-core
// paths. Prepared rows are rounded once more, and one of these policies makes numbers of 18, whose rounding
// to bf16 alone changes outputs by up to 1.5 %: so f16 here. tests/matrix/attend_around.cu has bf16.

#include "matrix/agree.cuh"
#include "support/join_attentions.hpp"

TEST_CASE("what stands around a map of attention on tensor cores agrees with the reference") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_both_paths<bl::f16>(draw, name, spec, shape, test::turned_bound);
  });
}
