// SPDX-License-Identifier: Apache-2.0

// Score, position and normalizer policies and observers through both tensor-core paths.

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "matrix/agree.cuh"
#include "support/policy_attentions.hpp"

TEST_CASE("score policies on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_score_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_both_paths(draw, name, spec, shape, test::turned_bound);
  });
}

TEST_CASE("position policies on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_position_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_both_paths(draw, name, spec, shape, test::turned_bound);
  });
}

TEST_CASE("normalizers on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_normalizer_attention(draw,
                                      [&](const char* name, const auto& spec, test::attend_shape shape) {
                                        test::check_both_paths(draw, name, spec, shape, test::turned_bound);
                                      });
}

TEST_CASE("the log-sum-exp of tensor cores is that of the reference") {
  using namespace bl;
  auto draw = test::generator();
  const auto on = cuda::on();
  const int queries = 133, keys = 301;
  const auto q = test::random_tensor<bf16>(draw, 1.0f, 2, queries, 4, 64);
  const auto k = test::random_tensor<bf16>(draw, 1.0f, 2, keys, 2, 64);
  test::device_tensor<bf16> dq(on, q), dk(on, k);
  std::vector<float> wanted(2 * queries * 4, std::nanf(""));
  auto meant = test::poisoned_tensor<double>(2, queries, 4, 64);
  using host_spec = attention<heads<4, 2, 64>, mask::causal, observe::log_sum_exp<memory::host>>;
  reference::attend(
      host_spec{observe::log_sum_exp<memory::host>{host_view<float, 3>(wanted.data(), 2, queries, 4)}},
      q.view(), k.view(), k.view(), meant.view());
  const auto run = [&](auto path) {
    cuda::buffer<float> found(on, wanted.size());
    found.copy_from_host(on, std::vector<float>(wanted.size(), std::nanf("")));
    test::device_tensor<bf16> out(on, test::poisoned_tensor<bf16>(2, queries, 4, 64));
    using spec = attention<heads<4, 2, 64>, mask::causal, observe::log_sum_exp<memory::device>>;
    attend<decltype(path)>(
        on, spec{observe::log_sum_exp<memory::device>{device_view<float, 3>(found.data(), 2, queries, 4)}},
        dq.view(), dk.view(), dk.view(), out.view());
    std::vector<float> back(wanted.size());
    found.copy_to_host(on, back);
    CHECK(test::relative_error(back, wanted) < 1e-5);
    CHECK(test::relative_error(out.back(on), meant.data) < test::bf16_bound);
  };
  run(path::sm80{});
  if (cuda::detail::capability_major() == 9) run(path::sm90{});
}
