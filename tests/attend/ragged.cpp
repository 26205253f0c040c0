// SPDX-License-Identifier: Apache-2.0

// Attention over sequences of different lengths: each sequence alone is what the reference says of it.

#include <doctest/doctest.h>

#include <vector>

#include "byteloom/attend/reference.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/host/attend_ragged.hpp"
#include "support/attentions.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace bl = byteloom;

namespace {

/// Lengths 0 and 1 among them; the second number counts keys.
const std::vector<int> query_offsets{0, 5, 5, 6, 70, 103};
const std::vector<int> key_offsets{0, 9, 9, 10, 90, 123};

template <class T>
bl::host_view<T, 3> rows(std::vector<T>& data, bl::index count, bl::index heads, bl::index size) {
  return {data.data(), count, heads, size};
}

bl::ragged<bl::memory::host> lying() {
  const auto view = [](const std::vector<int>& x) {
    return bl::host_view<const int, 1>(x.data(), static_cast<bl::index>(x.size()));
  };
  return {view(query_offsets), 64, view(key_offsets), 80};
}

}  // namespace

TEST_CASE("ragged sequences are attended one by one") {
  auto draw = test::generator();
  const auto check = [&](const auto& spec) {
    const auto heads = spec.heads();
    auto q = test::random_tensor<float>(draw, 1.0f, 1, 103, heads.query, heads.size);
    auto k = test::random_tensor<float>(draw, 1.0f, 1, 123, heads.key, heads.size);
    auto v = test::random_tensor<float>(draw, 1.0f, 1, 123, heads.key, heads.value_size);
    auto out = test::poisoned_tensor<float>(1, 103, heads.query, heads.value_size);
    bl::attend(bl::host::here(), spec, rows(q.data, 103, heads.query, heads.size),
               rows(k.data, 123, heads.key, heads.size), rows(v.data, 123, heads.key, heads.value_size),
               lying(), rows(out.data, 103, heads.query, heads.value_size));
    std::vector<double> wanted;
    for (std::size_t b = 0; b + 1 < query_offsets.size(); ++b) {
      const int queries = query_offsets[b + 1] - query_offsets[b], keys = key_offsets[b + 1] - key_offsets[b];
      if (queries == 0) continue;
      const auto part = [](auto& of, int first, int count) {
        auto view = of.view();
        view.data += first * view.stride[1];
        view.extent[1] = count;
        return view;
      };
      auto own = test::poisoned_tensor<double>(1, queries, heads.query, heads.value_size);
      bl::reference::attend(spec, part(q, query_offsets[b], queries), part(k, key_offsets[b], keys),
                            part(v, key_offsets[b], keys), own.view());
      wanted.insert(wanted.end(), own.data.begin(), own.data.end());
    }
    CHECK(test::relative_error(out.data, wanted) < 5e-6);
  };
  using namespace bl;
  check(attention<heads<4, 2, 16>>{});
  check(attention<heads<4, 2, 16>, mask::causal>{});
  check(attention<heads<4, 4, 16, 24>, position::rope<>, mask::causal, mask::window<7>>{});
  check(attention<heads<4, 2, 16>, test::distance_penalty>{test::distance_penalty{0.2f}});
}

TEST_CASE("hooks of ragged sequences see the sequence's number") {
  auto draw = test::generator();
  using namespace bl;
  // A bias that hides all keys but the first of sequence 3: its rows are that key's value.
  test::tensor<float> bias(1, 1, 5, 80);
  for (int key = 1; key < 80; ++key) bias.view()(0, 0, 3, key) = -math::infinity<float>;
  using hidden = attention<heads<1, 1, 8>, score::key_bias<>>;
  auto q = test::random_tensor<float>(draw, 1.0f, 1, 103, 1, 8);
  auto k = test::random_tensor<float>(draw, 1.0f, 1, 123, 1, 8);
  auto out = test::poisoned_tensor<float>(1, 103, 1, 8);
  attend(host::here(), hidden{score::key_bias<>{bias.matrix()}}, rows(q.data, 103, 1, 8),
         rows(k.data, 123, 1, 8), rows(k.data, 123, 1, 8), lying(), rows(out.data, 103, 1, 8));
  for (int row = 6; row < 70; ++row)
    for (int i = 0; i < 8; ++i)
      CHECK(out.view()(0, row, 0, i) == doctest::Approx(k.view()(0, 10, 0, i)).epsilon(1e-5));
  CHECK(out.view()(0, 71, 0, 0) != doctest::Approx(k.view()(0, 90, 0, 0)).epsilon(1e-5));
}

TEST_CASE("offsets that lie are refused by name") {
  using namespace bl;
  std::vector<float> x(103 * 16), y(123 * 16);
  const attention<heads<1, 1, 16>> spec;
  const auto refused = [&](std::vector<int> queries, std::vector<int> keys, const char* why,
                           int longest = 80) {
    const host_view<const int, 1> of_queries(queries.data(), static_cast<bl::index>(queries.size()));
    const host_view<const int, 1> of_keys(keys.data(), static_cast<bl::index>(keys.size()));
    CHECK_THROWS_WITH_AS(
        attend(host::here(), spec, rows(x, 103, 1, 16), rows(y, 123, 1, 16), rows(y, 123, 1, 16),
               ragged<memory::host>{of_queries, longest, of_keys, longest}, rows(x, 103, 1, 16)),
        doctest::Contains(why), shape_error);
  };
  refused({1, 103}, {0, 123}, "do not begin with 0");
  refused({0, 50, 40, 103}, {0, 50, 60, 123}, "descend at sequence 1");
  refused({0, 50, 102}, {0, 60, 123}, "end at 102");
  refused({0, 50, 103}, {0, 49, 123}, "sequence 0 has 50 queries over 49 keys");
  refused({0, 50, 103}, {0, 60, 123}, "more than the longest", 52);
  refused({0, 103}, {0, 60, 123}, "offsets of keys has 3 numbers");
}
