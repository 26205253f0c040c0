// SPDX-License-Identifier: Apache-2.0

// Prepared queries and keys through both tensor-core paths. Rows are rounded once they are prepared, and one of these
// policies makes numbers of 18, whose rounding to bf16 alone changes outputs by up to 1.5 %: so f16 here.

#include "matrix/agree.cuh"
#include "support/join_attentions.hpp"

TEST_CASE("prepared queries and keys on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    if constexpr (test::for_tensor_cores<std::remove_cvref_t<decltype(spec)>>) {
      CAPTURE(std::string(name));
      CHECK(test::path_error<bl::path::sm80, bl::f16, bl::f16>(draw, spec, shape) < test::turned_bound);
      if (bl::cuda::detail::capability_major() == 9)
        CHECK(test::path_error<bl::path::sm90, bl::f16, bl::f16>(draw, spec, shape) < test::turned_bound);
    }
  });
}
