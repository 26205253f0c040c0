// SPDX-License-Identifier: Apache-2.0

// The compositions of tests/support/attentions.hpp, and shapes and sizes, through both tensor-core paths.

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "matrix/agree.cuh"

namespace {

template <class Spec>
void check_shapes(std::mt19937_64& draw, const char* name, const Spec& spec) {
  for (const auto shape :
       {test::attend_shape{2, 1, 1}, test::attend_shape{1, 129, 129}, test::attend_shape{2, 77, 389}})
    test::check_both_paths(draw, name, spec, shape, test::bf16_bound);
}

}  // namespace

TEST_CASE("compositions on tensor cores agree with the reference") {
  auto draw = test::generator();
  test::for_each_attention([&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_both_paths(draw, name, spec, shape, test::turned_bound);
  });
}

TEST_CASE("head sizes, also of values, on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  check_shapes(draw, "d16", attention<heads<2, 2, 16>, mask::causal>{});
  check_shapes(draw, "d40", attention<heads<2, 1, 40>, mask::causal>{});
  check_shapes(draw, "d64", attention<heads<2, 1, 64>>{});
  check_shapes(draw, "d72", attention<heads<2, 1, 72>, mask::causal>{});
  check_shapes(draw, "d80", attention<heads<2, 1, 80>>{});
  check_shapes(draw, "d96", attention<heads<2, 1, 96>, mask::causal>{});
  check_shapes(draw, "d128", attention<heads<6, 2, 128>, mask::causal>{});
  check_shapes(draw, "d160", attention<heads<2, 1, 160>, mask::causal>{});
  check_shapes(draw, "d192/128", attention<heads<2, 1, 192, 128>, mask::causal>{});
  check_shapes(draw, "d64/256", attention<heads<2, 1, 64, 256>, mask::causal>{});
  check_shapes(draw, "d256", attention<heads<2, 1, 256>, mask::causal>{});
}

TEST_CASE("values too wide for one launch are attended to in parts") {
  using namespace bl;
  auto draw = test::generator();
  check_shapes(draw, "d576/512", attention<heads<4, 1, 576, 512>, mask::causal>{});
  check_shapes(
      draw, "d576/512, head counts at run time",
      attention<heads<dynamic, dynamic, 576, 512>>{heads<dynamic, dynamic, 576, 512>{{4}, {2}, {}, {}}});
  check_shapes(draw, "d64/512", attention<heads<2, 1, 64, 512>, position::rope<>, mask::window<50>>{});
  // Latent attention's values are the first dimensions of its keys.
  using lse = observe::log_sum_exp<>;
  auto sums = test::poisoned_tensor<float>(1, 2, 70, 8), found_sums = sums;
  const auto latent = [](test::tensor<float>& to) {
    return attention<heads<8, 1, 576, 512>, mask::causal, lse>{
        lse{host_view<float, 3>(to.data.data(), 2, 70, 8)}};
  };
  const auto on = cuda::on();
  const auto q = test::random_tensor<bf16>(draw, 1.0f, 2, 70, 8, 576);
  const auto k = test::random_tensor<bf16>(draw, 1.0f, 2, 133, 1, 576);
  auto wanted = test::poisoned_tensor<double>(2, 70, 8, 512);
  auto host_values = k.view();
  host_values.extent[3] = 512;
  reference::attend(latent(sums), q.view(), k.view(), host_values, wanted.view());
  test::device_tensor<bf16> dq(on, q), dk(on, k);
  auto values = dk.view();
  values.extent[3] = 512;
  test::each_tensor_path([&]<class Path>(Path) {
    test::device_tensor<bf16> out(on, test::poisoned_tensor<bf16>(2, 70, 8, 512));
    const auto moved = copy_to(on, latent(found_sums));  // poisoned
    attend<Path>(on, moved.spec(), dq.view(), dk.view(), values, out.view());
    CHECK(test::relative_error(out.back(on), wanted.data) < test::bf16_bound);
    std::vector<float> back(sums.data.size());
    REQUIRE(cudaMemcpy(back.data(), moved.spec().get<2>().out.data, back.size() * sizeof(float),
                       cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(test::relative_error(back, sums.data) < 1e-5);
  });
}

TEST_CASE("f16, float outputs and large scores on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  const attention<heads<4, 2, 128>, mask::causal> spec;
  const test::attend_shape shape{2, 150, 211};
  CHECK(test::path_error<path::sm80, f16, f16>(draw, spec, shape) < 6e-4);
  CHECK(test::path_error<path::sm80, bf16, float>(draw, spec, shape) < test::bf16_bound);
  CHECK(test::path_error<path::sm80, bf16, bf16>(draw, spec, shape, 6.0f) < test::bf16_bound);
  if (cuda::detail::capability_major() != 9) return;
  CHECK(test::path_error<path::sm90, f16, f16>(draw, spec, shape) < 6e-4);
  CHECK(test::path_error<path::sm90, bf16, float>(draw, spec, shape) < test::bf16_bound);
  CHECK(test::path_error<path::sm90, bf16, bf16>(draw, spec, shape, 6.0f) < test::bf16_bound);
}

TEST_CASE("what tensor cores cannot read is refused by name, and the next call works") {
  using namespace bl;
  const auto on = cuda::on();
  const attention<heads<2, 2, 64>> spec;
  const test::tensor<bf16> some(1, 8, 2, 80);
  test::device_tensor<bf16> x(on, some), out(on, test::tensor<bf16>(1, 8, 2, 64));
  device_view<bf16, 4> aligned(x.data.data(), 1, 8, 2, 64);
  auto shifted = aligned;
  shifted.data += 1;
  auto narrow = aligned;
  narrow.stride[1] = 2 * 64 + 1;
  const auto refused = [&](auto path, const device_view<bf16, 4>& q, const char* why) {
    CHECK_THROWS_WITH_AS(bl::attend<decltype(path)>(on, spec, q, aligned, aligned, out.view()),
                         doctest::Contains(why), shape_error);
    CHECK_NOTHROW(bl::attend<decltype(path)>(on, spec, aligned, aligned, aligned, out.view()));
  };
  refused(path::sm80{}, shifted, "attend: q does not begin");
  refused(path::sm80{}, narrow, "attend: q has a stride of 129");
  if (cuda::detail::capability_major() != 9) {
    CHECK_THROWS_WITH_AS(bl::attend<path::sm90>(on, spec, aligned, aligned, aligned, out.view()),
                         doctest::Contains("needs a Hopper GPU"), device_error);
    return;
  }
  refused(path::sm90{}, shifted, "attend: q does not begin");
  refused(path::sm90{}, narrow, "attend: q has a stride of 129");
}

TEST_CASE("strides are free on tensor cores: heads before positions") {
  using namespace bl;
  auto draw = test::generator();
  const auto on = cuda::on();
  const attention<heads<4, 2, 64>, mask::causal> spec;
  const auto q = test::random_tensor<bf16>(draw, 1.0f, 2, 100, 4, 64);
  const auto k = test::random_tensor<bf16>(draw, 1.0f, 2, 100, 2, 64);
  test::device_tensor<bf16> dq(on, q), dk(on, k), dv(on, k);
  const auto run = [&](auto path) {
    test::device_tensor<bf16> plain(on, test::poisoned_tensor<bf16>(2, 100, 4, 64));
    test::device_tensor<bf16> strided(on, test::poisoned_tensor<bf16>(2, 4, 100, 64));
    auto heads_first = strided.view();
    std::swap(heads_first.extent[1], heads_first.extent[2]);
    std::swap(heads_first.stride[1], heads_first.stride[2]);
    attend<decltype(path)>(on, spec, dq.view(), dk.view(), dv.view(), plain.view());
    attend<decltype(path)>(on, spec, dq.view(), dk.view(), dv.view(), heads_first);
    const auto a = plain.back(on), b = strided.back(on);
    int differ = 0;
    for (std::size_t batch = 0; batch < 2; ++batch)
      for (std::size_t row = 0; row < 100; ++row)
        for (std::size_t head = 0; head < 4; ++head)
          for (std::size_t i = 0; i < 64; ++i)
            differ += a[((batch * 100 + row) * 4 + head) * 64 + i].bits !=
                      b[((batch * 4 + head) * 100 + row) * 64 + i].bits;
    CHECK(differ == 0);
  };
  run(path::sm80{});
  if (cuda::detail::capability_major() == 9) run(path::sm90{});
}
