// SPDX-License-Identifier: Apache-2.0

// What stands around a map of attention, on the device against its meaning on the host: prepared queries and
// keys, keys of another sequence, several maps over one value, changed outputs, attentions of two parts.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/copy_to.cuh"
#include "byteloom/cuda/merged.cuh"
#include "byteloom/host/merged.hpp"
#include "support/join_attentions.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"

namespace bl = byteloom;

TEST_CASE("what stands around a map of attention on the device agrees with the reference") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  test::for_each_join_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    CAPTURE(std::string(name));
    const auto heads = spec.heads();
    const int maps = spec.map_count;
    const auto q =
        test::random_tensor<float>(draw, 1.0f, shape.batch, shape.queries, heads.query, heads.size);
    const auto k = test::random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.size);
    const auto v =
        test::random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, heads.key / maps, heads.value_size);
    const auto poison =
        test::poisoned_tensor<float>(shape.batch, shape.queries, heads.query / maps, heads.value_size);
    auto wanted =
        test::poisoned_tensor<double>(shape.batch, shape.queries, heads.query / maps, heads.value_size);
    test::device_tensor<float> dq(on, q), dk(on, k), dv(on, v), out(on, poison);
    const auto moved = bl::copy_to(on, spec);
    bl::attend(on, moved.spec(), dq.view(), dk.view(), dv.view(), out.view());
    bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
    // tanh is the hardware's approximation on the device
    const bool approximate = std::string_view(name).find("layer norm of queries") == 0;
    CHECK(test::relative_error(out.back(on), wanted.data) < (approximate ? 5e-3 : 2e-5));
  });
}

TEST_CASE("attentions of two parts on the device agree with the host") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  using heads = bl::heads<4, 2, 16>;
  const bl::attention<heads, bl::position::rope<>, bl::mask::local<20>> near;
  const bl::attention<heads, bl::keys::apart> summaries;
  const auto q = test::random_tensor<float>(draw, 1.0f, 2, 60, 4, 16);
  const auto k = test::random_tensor<float>(draw, 1.0f, 2, 60, 2, 16);
  const auto v = test::random_tensor<float>(draw, 1.0f, 2, 60, 2, 16);
  const auto few_k = test::random_tensor<float>(draw, 1.0f, 2, 7, 2, 16);
  const auto few_v = test::random_tensor<float>(draw, 1.0f, 2, 7, 2, 16);
  test::device_tensor<float> dq(on, q), dk(on, k), dv(on, v), dfew_k(on, few_k), dfew_v(on, few_v);
  const auto check = [&](const auto& joined, auto queries, auto device_queries, bl::index heads_of_output) {
    auto wanted = test::poisoned_tensor<float>(2, 60, heads_of_output, 16);
    bl::attend(bl::host::here(), joined, queries, k.view(), v.view(), few_k.view(), few_v.view(),
               wanted.view());
    test::device_tensor<float> out(on, test::poisoned_tensor<float>(2, 60, heads_of_output, 16));
    bl::attend(on, joined, device_queries, dk.view(), dv.view(), dfew_k.view(), dfew_v.view(), out.view());
    CHECK(test::relative_error(out.back(on), wanted.data) < 1e-5);
  };
  check(bl::merged{near, summaries}, q.view(), dq.view(), 4);
  const auto wide = test::random_tensor<float>(draw, 1.0f, 2, 60, 8, 16);
  test::device_tensor<float> dwide(on, wide);
  check(bl::side_by_side{near, summaries}, wide.view(), dwide.view(), 8);
}
