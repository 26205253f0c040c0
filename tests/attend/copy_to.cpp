// SPDX-License-Identifier: Apache-2.0

// Moving what policies carry, as far as the host goes.

#include "byteloom/attend/copy_to.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <type_traits>
#include <vector>

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

constexpr auto device = bl::memory::device;

/// The composition over copies of its data in freshly made memory must mean the same.
template <class Spec>
void check_copy(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape) {
  const test::attend_inputs in(draw, spec, shape, 1.0f);
  auto first =
      test::poisoned_tensor<float>(shape.batch, shape.queries, spec.heads().query, spec.heads().value_size);
  auto second = first;
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), first.view());
  auto copied = bl::copy_to(bl::host::here(), spec);
  const auto moved = std::move(copied);
  bl::attend(bl::host::here(), moved.spec(), in.q.view(), in.k.view(), in.v.view(), second.view());
  CHECK(first.data == second.data);
}

/// A named composition.
struct derived : bl::attention<bl::heads<2, 2, 16>, bl::score::key_bias<>, bl::mask::causal> {
  using attention::attention;
};

}  // namespace

TEST_CASE("every composition means the same over copies of its data") {
  auto draw = test::generator();
  const auto check = [&](const char* name, const auto& spec, test::attend_shape shape) {
    CAPTURE(std::string(name));
    check_copy(draw, spec, shape);
  };
  test::for_each_score_attention(draw, check);
  test::for_each_position_attention(draw, check);
  test::for_each_normalizer_attention(draw, check);
}

TEST_CASE("a copy does not look at the original, nor at what lies between strided elements") {
  auto draw = test::generator();
  std::optional<test::random_table> table(std::in_place, draw, 1.0f, 3, 2);
  using bias = bl::score::relative_bias<1>;
  const bl::attention<bl::heads<3, 3, 16>, bias> spec{
      bias{[&] {
             auto x = table->transposed();  // [2, 3], and one row of it alone, at every second place
             x.extent[0] = 1;
             return x;
           }(),
           {{9}},
           {{1}}}};
  const auto copied = bl::copy_to(bl::host::here(), spec);
  const auto& own = copied.spec().get<1>().table;
  CHECK(own.data != spec.get<1>().table.data);
  const auto wanted = table->values.data;
  for (auto& x : table->values.data) x = 1e9f;
  for (int head = 0; head < 3; ++head) CHECK(own(0, head) == wanted[static_cast<std::size_t>(2 * head)]);
}

TEST_CASE("types are bound to another memory space policy by policy") {
  using namespace bl;
  using host_type =
      attention<heads<2, 2, 16>, position::partial<8, position::at_ids<>>, mask::causal,
                score::clamped_distance<score::t5_buckets<>>, score::alibi<2>,
                score::clamped_distance<score::alibi<2>>, normalizer::sinks<>, observe::log_sum_exp<>>;
  using device_type =
      attention<heads<2, 2, 16>, position::partial<8, position::at_ids<position::rope<>, device>>,
                mask::causal, score::clamped_distance<score::t5_buckets<score::t5_direction::causal, device>>,
                score::alibi<2>, score::clamped_distance<score::alibi<2>>, normalizer::sinks<device>,
                observe::log_sum_exp<device>>;
  CHECK(std::is_same_v<rebound<host_type, device>, device_type>);
  CHECK(std::is_same_v<rebound<device_type, memory::host>, host_type>);
  CHECK(std::is_same_v<rebound<derived, device>,
                       attention<heads<2, 2, 16>, score::key_bias<device>, mask::causal>>);
  CHECK(detail::holds_views<position::partial<8, position::at_ids<>>>);
  CHECK_FALSE(detail::holds_views<position::partial<8>>);
  CHECK_FALSE(detail::holds_views<score::clamped_distance<score::alibi<2>>>);
  CHECK(std::is_trivially_copyable_v<device_type>);
}

TEST_CASE("views are visited in order, each once, and keep their shape") {
  std::vector<float> data(100);
  std::vector<int> ids(40);
  using namespace bl;
  using spec_type = attention<heads<2, 2, 16>, position::at_ids<>, score::key_bias<>, normalizer::sinks<>>;
  const spec_type spec{position::at_ids<>{host_view<const int, 2>(ids.data(), 4, 10)},
                       score::key_bias<>{host_view<const float, 2>(data.data(), 4, 10)},
                       normalizer::sinks<>{host_view<const float, 1>(data.data(), 2)}};
  std::vector<int> ranks;
  const auto moved = with_views<device>(spec, [&]<class T, int Rank>(const host_view<T, Rank>& x) {
    ranks.push_back(Rank);
    return detail::view_over<device>(x.data + 1, x);
  });
  CHECK(ranks == std::vector<int>{2, 2, 1});
  CHECK(moved.get<1>().ids.data == ids.data() + 1);
  CHECK(moved.get<2>().bias.data == data.data() + 1);
  CHECK(moved.get<2>().bias.extent[1] == 10);
  CHECK(moved.get<2>().bias.stride[0] == 10);
  CHECK(moved.get<3>().logit.extent[0] == 2);
}
