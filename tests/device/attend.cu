// SPDX-License-Identifier: Apache-2.0

// Attention on the device against its meaning in double precision on the host.

#include <doctest/doctest.h>

#include <string>

#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/attend.cuh"
#include "support/attentions.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

template <class K, class Spec>
double error_of(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape, float spread) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  const auto q =
      test::random_tensor<float>(draw, spread, shape.batch, shape.queries, heads.query, heads.size);
  const auto k = test::random_tensor<K>(draw, spread, shape.batch, shape.keys, heads.key, heads.size);
  const auto v = test::random_tensor<K>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.value_size);
  const auto poison = test::poisoned_tensor<float>(shape.batch, shape.queries, heads.query, heads.value_size);
  auto wanted = test::poisoned_tensor<double>(shape.batch, shape.queries, heads.query, heads.value_size);
  test::device_tensor<float> dq(on, q), out(on, poison);
  test::device_tensor<K> dk(on, k), dv(on, v);
  bl::attend(on, spec, dq.view(), dk.view(), dv.view(), out.view());
  bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
  return test::relative_error(out.back(on), wanted.data);
}

}  // namespace

TEST_CASE("attention on the device agrees with the reference") {
  auto draw = test::generator();
  test::for_each_attention([&](const char* name, const auto& spec, test::attend_shape shape) {
    CAPTURE(std::string(name));
    // tanh is the hardware's approximation on the device, absolute 2^-11 of the cap
    const bool approximate = std::string_view(name).find("soft") != std::string_view::npos ||
                             std::string_view(name).find("twice") != std::string_view::npos;
    const double bound = approximate ? 5e-3 : 1e-5;
    CHECK(error_of<float>(draw, spec, shape, 1.0f) < bound);
    CHECK(error_of<bl::bf16>(draw, spec, shape, 1.0f) < bound);
  });
}

TEST_CASE("keys and values of every cache element") {
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 64>, bl::mask::causal> spec;
  CHECK(error_of<bl::f16>(draw, spec, {2, 30, 77}, 1.0f) < 1e-5);
  CHECK(error_of<bl::fp8_e4m3>(draw, spec, {2, 30, 77}, 1.0f) < 1e-5);
  CHECK(error_of<bl::fp8_e5m2>(draw, spec, {2, 30, 77}, 1.0f) < 1e-5);
}

TEST_CASE("large scores and long contexts") {
  auto draw = test::generator();
  const bl::attention<bl::heads<2, 1, 128>, bl::mask::causal> spec;
  CHECK(error_of<float>(draw, spec, {1, 3, 5000}, 8.0f) < 1e-4);
}

TEST_CASE("the same inputs give the same bits") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<8, 2, 64>, bl::mask::causal> spec;
  const auto q = test::random_tensor<float>(draw, 1.0f, 2, 40, 8, 64);
  const auto k = test::random_tensor<float>(draw, 1.0f, 2, 300, 2, 64);
  test::device_tensor<float> dq(on, q), dk(on, k), dv(on, k);
  std::vector<float> first;
  for (int round = 0; round < 20; ++round) {
    test::device_tensor<float> out(on, test::poisoned_tensor<float>(2, 40, 8, 64));
    bl::attend(on, spec, dq.view(), dk.view(), dv.view(), out.view());
    const auto found = out.back(on);
    if (round == 0) first = found;
    CHECK(found == first);
  }
}

TEST_CASE("lengths on the device decide how many keys count") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<4, 2, 32>, bl::mask::causal> spec;
  const auto q = test::random_tensor<float>(draw, 1.0f, 3, 1, 4, 32);
  const auto k = test::random_tensor<float>(draw, 1.0f, 3, 50, 2, 32);
  const std::vector<int> lengths{1, 33, 50};
  test::device_tensor<float> dq(on, q), dk(on, k), out(on, test::poisoned_tensor<float>(3, 1, 4, 32));
  auto on_device = test::to_device(on, lengths);
  bl::attend_cached(on, spec, dq.view(), dk.view(), dk.view(),
                    bl::device_view<const int, 1>(on_device.data(), 3), out.view());
  const auto found = out.back(on);
  for (int b = 0; b < 3; ++b) {
    test::tensor<float> own_q(1, 1, 4, 32), own_k(1, lengths[static_cast<std::size_t>(b)], 2, 32);
    std::copy_n(q.data.begin() + b * 128, 128, own_q.data.begin());
    std::copy_n(k.data.begin() + b * 3200, own_k.data.size(), own_k.data.begin());
    auto wanted = test::poisoned_tensor<double>(1, 1, 4, 32);
    bl::reference::attend(spec, own_q.view(), own_k.view(), own_k.view(), wanted.view());
    CHECK(test::relative_error(std::vector<float>(found.begin() + b * 128, found.begin() + (b + 1) * 128),
                               wanted.data) < 1e-5);
  }
}

TEST_CASE("shapes that do not fit are named before anything is launched") {
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<4, 2, 16>> spec;
  test::device_tensor<float> q(on, test::tensor<float>(1, 3, 5, 16)), k(on, test::tensor<float>(1, 5, 2, 16)),
      out(on, test::tensor<float>(1, 3, 5, 16));
  CHECK_THROWS_WITH_AS(bl::attend(on, spec, q.view(), k.view(), k.view(), out.view()),
                       "attend: q has 5 heads, but heads<...> says 4.", bl::shape_error);
  using free = bl::attention<bl::heads<1, 1, bl::dynamic, bl::dynamic>>;
  const free large{bl::heads<1, 1, bl::dynamic, bl::dynamic>{{}, {}, {512}, {512}}};
  test::device_tensor<float> wide(on, test::tensor<float>(1, 2, 1, 512));
  CHECK_THROWS_AS(bl::attend(on, large, wide.view(), wide.view(), wide.view(), wide.view()), bl::shape_error);
}
