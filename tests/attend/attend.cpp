// SPDX-License-Identifier: Apache-2.0

// Attention on the host against its meaning in double precision, and the laws of the policies.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "byteloom/attend/reference.hpp"
#include "byteloom/host/attend.hpp"
#include "support/attentions.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace bl = byteloom;

namespace {

template <class Spec>
struct inputs {
  test::tensor<float> q, k, v;
  inputs(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape, float spread)
      : q(test::random_tensor<float>(draw, spread, shape.batch, shape.queries, spec.heads().query,
                                     spec.heads().size)),
        k(test::random_tensor<float>(draw, spread, shape.batch, shape.keys, spec.heads().key,
                                     spec.heads().size)),
        v(test::random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, spec.heads().key,
                                     spec.heads().value_size)) {}
};

}  // namespace

TEST_CASE("attention on the host agrees with the reference") {
  auto draw = test::generator();
  test::for_each_attention([&](const char* name, const auto& spec, test::attend_shape shape) {
    for (const float spread : {1.0f, 6.0f}) {
      CAPTURE(std::string(name));
      CAPTURE(spread);
      const inputs in(draw, spec, shape, spread);
      auto out = test::poisoned_tensor<float>(shape.batch, shape.queries, spec.heads().query,
                                              spec.heads().value_size);
      auto wanted = test::poisoned_tensor<double>(shape.batch, shape.queries, spec.heads().query,
                                                  spec.heads().value_size);
      bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
      bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
      // A score's rounding is an error of its weight: at spread 6 scores reach 200, where floats are 1.5e-5
      // apart.
      CHECK(test::relative_error(out.data, wanted.data) < 5e-6 * static_cast<double>(spread));
    }
  });
}

TEST_CASE("strides are free: heads before positions") {
  auto draw = test::generator();
  using spec_type = bl::attention<bl::heads<4, 2, 32>, bl::mask::causal>;
  const spec_type spec;
  const inputs in(draw, spec, {2, 20, 30}, 1.0f);
  auto out = test::poisoned_tensor<float>(2, 20, 4, 32);
  auto strided = test::poisoned_tensor<float>(2, 4, 20, 32);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  bl::host_view<float, 4> heads_first = strided.view();
  std::swap(heads_first.extent[1], heads_first.extent[2]);
  std::swap(heads_first.stride[1], heads_first.stride[2]);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), heads_first);
  for (int b = 0; b < 2; ++b)
    for (int row = 0; row < 20; ++row)
      for (int head = 0; head < 4; ++head)
        for (int i = 0; i < 32; ++i) CHECK(out.view()(b, row, head, i) == strided.view()(b, head, row, i));
}

TEST_CASE("a causal query never sees the future") {
  auto draw = test::generator();
  using spec_type = bl::attention<bl::heads<2, 1, 16>, bl::mask::causal>;
  const spec_type spec;
  inputs in(draw, spec, {1, 24, 24}, 1.0f);
  auto before = test::poisoned_tensor<float>(1, 24, 2, 16);
  auto after = test::poisoned_tensor<float>(1, 24, 2, 16);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), before.view());
  for (int key = 11; key < 24; ++key)
    for (int i = 0; i < 16; ++i) {
      in.k.view()(0, key, 0, i) = 1e3f;
      in.v.view()(0, key, 0, i) = -1e3f;
    }
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), after.view());
  for (int row = 0; row < 11; ++row)
    for (int head = 0; head < 2; ++head)
      for (int i = 0; i < 16; ++i) CHECK(before.view()(0, row, head, i) == after.view()(0, row, head, i));
  CHECK(before.view()(0, 11, 0, 0) != after.view()(0, 11, 0, 0));
}

TEST_CASE("cover never contradicts keep") {
  const auto check = [](const auto& mask) {
    for (int first_query = 0; first_query < 24; ++first_query)
      for (int queries = 1; queries < 6; ++queries)
        for (int first_key = 0; first_key < 24; ++first_key)
          for (int keys = 1; keys < 6; ++keys) {
            int kept = 0;
            for (int query = first_query; query < first_query + queries; ++query)
              for (int key = first_key; key < first_key + keys; ++key)
                kept += mask.keep(bl::site{0, 0, 0, query, key, 30, 30}) ? 1 : 0;
            const auto found = mask.cover(bl::tile{0, 0, first_query, first_query + queries - 1, first_key,
                                                   first_key + keys - 1, 30, 30});
            if (found == bl::coverage::none) CHECK(kept == 0);
            if (found == bl::coverage::full) CHECK(kept == queries * keys);
            if (queries * keys == 1) CHECK(found != bl::coverage::partial);
          }
  };
  check(bl::mask::causal{});
  check(bl::mask::window<5>{});
  check(bl::mask::window<>{{9}});
  check(bl::attention<bl::heads<1, 1, 8>, bl::mask::causal, bl::mask::window<7>>{});
}

TEST_CASE("weights of softmax sum to one, and a row without keys is zero") {
  auto draw = test::generator();
  using plain = bl::attention<bl::heads<2, 2, 16>>;
  const plain spec;
  inputs in(draw, spec, {1, 9, 41}, 4.0f);
  for (auto& x : in.v.data) x = 1.0f;
  auto out = test::poisoned_tensor<float>(1, 9, 2, 16);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  for (float x : out.data) CHECK(x == doctest::Approx(1.0f).epsilon(1e-6));

  struct nothing {
    using axis = bl::axis::mask;
    BYTELOOM_HD constexpr bool keep(bl::site) const { return false; }
  };
  const bl::attention<bl::heads<2, 2, 16>, nothing> blind;
  auto zero = test::poisoned_tensor<float>(1, 9, 2, 16);
  bl::attend(bl::host::here(), blind, in.q.view(), in.k.view(), in.v.view(), zero.view());
  for (float x : zero.data) CHECK(x == 0.0f);
}

TEST_CASE("NaN in a query or in a key that it sees makes its output NaN, and no other") {
  auto draw = test::generator();
  using spec_type = bl::attention<bl::heads<2, 1, 16>, bl::mask::causal>;
  const spec_type spec;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const bool in_query : {true, false}) {
    inputs in(draw, spec, {1, 90, 90}, 1.0f);
    (in_query ? in.q : in.k).view()(0, 70, 0, 3) = nan;
    test::tensor<float> out(1, 90, 2, 16);
    test::tensor<double> meant(1, 90, 2, 16);
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
    bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), meant.view());
    for (int row = 0; row < 90; ++row)
      for (int head = 0; head < 2; ++head) {
        const bool expected = in_query ? row == 70 && head == 0 : row >= 70;
        CHECK(std::isnan(out.view()(0, row, head, 0)) == expected);
        CHECK(std::isnan(meant.view()(0, row, head, 0)) == expected);
      }
  }
}

TEST_CASE("states that mean nothing are refused by name") {
  test::tensor<float> q(1, 3, 4, 16), k(1, 5, 2, 16), v(1, 5, 2, 16), out(1, 3, 4, 16);
  const auto run = [&](const auto& spec) {
    bl::attend(bl::host::here(), spec, q.view(), k.view(), v.view(), out.view());
  };
  using heads = bl::heads<4, 2, 16>;
  const auto refused = [&](const auto& spec, const char* name) {
    CHECK_THROWS_WITH_AS(run(spec), doctest::Contains(name), bl::argument_error);
  };
  const float infinity = bl::math::infinity<float>;
  using window = bl::attention<heads, bl::mask::window<>>;
  for (const int width : {0, -5}) refused(window{bl::mask::window<>{{width}}}, "mask::window");
  using capped = bl::attention<heads, bl::score::softcap>;
  for (const float cap : {0.0f, -1.0f, infinity, std::nanf("")})
    refused(capped{bl::score::softcap{cap}}, "score::softcap");
  using scaled = bl::attention<heads, bl::score::scale>;
  for (const float factor : {infinity, std::nanf("")})
    refused(scaled{bl::score::scale{factor}}, "score::scale");
  for (const double base : {0.0, -1.0, std::nan("")})
    CHECK_THROWS_WITH_AS(bl::position::rope<>{base}, doctest::Contains("position::rope"), bl::argument_error);
  CHECK_NOTHROW(run(window{bl::mask::window<>{{1}}}));
}

TEST_CASE("lengths of a cache that do not fit are named") {
  using spec_type = bl::attention<bl::heads<4, 2, 16>, bl::mask::causal>;
  const spec_type spec;
  test::tensor<float> q(2, 3, 4, 16), k(2, 5, 2, 16), v(2, 5, 2, 16), out(2, 3, 4, 16);
  const auto run = [&](std::vector<int> lengths) {
    bl::attend_cached(bl::host::here(), spec, q.view(), k.view(), v.view(),
                      bl::host_view<const int, 1>(lengths.data(), static_cast<bl::index>(lengths.size())),
                      out.view());
  };
  CHECK_NOTHROW(run({3, 5}));
  CHECK_THROWS_AS(run({3}), bl::shape_error);
  CHECK_THROWS_AS(run({3, 6}), bl::shape_error);
  CHECK_THROWS_AS(run({2, 5}), bl::shape_error);
}

TEST_CASE("softmax states merge in any order") {
  auto draw = test::generator();
  std::normal_distribution<double> normal(0.0, 5.0);
  const bl::normalizer::softmax softmax;
  using state = bl::normalizer::softmax::state<double>;
  const auto of = [&](std::initializer_list<double> scores) {
    state row;
    for (double score : scores) {
      softmax.raise(row, score);
      softmax.add(row, softmax.weight(row, score));
    }
    return row;
  };
  for (int round = 0; round < 100; ++round) {
    const double a = normal(draw), b = normal(draw), c = normal(draw), d = normal(draw);
    state left = of({a, b});
    softmax.merge(left, of({c, d}));
    const state whole = of({d, c, b, a});
    CHECK(left.maximum == whole.maximum);
    CHECK(left.sum == doctest::Approx(whole.sum).epsilon(1e-12));
    state empty;
    softmax.merge(empty, whole);
    CHECK(empty.sum == whole.sum);
    state into = whole;
    softmax.merge(into, state{});
    CHECK(into.sum == whole.sum);
  }
}

TEST_CASE("softcap stays inside its cap and keeps the order") {
  const bl::score::softcap cap{7.0f};
  double last = -7.0;
  for (double x = -100; x <= 100; x += 0.5) {
    const double y = cap(x, bl::site{});
    CHECK(y == doctest::Approx(7.0 * std::tanh(x / 7.0)).epsilon(1e-12));
    CHECK(std::abs(y) <= 7.0);
    CHECK(y >= last);
    last = y;
  }
}

TEST_CASE("shapes that do not fit are named") {
  using spec_type = bl::attention<bl::heads<4, 2, 16>, bl::mask::causal>;
  const spec_type spec;
  test::tensor<float> q(1, 3, 4, 16), k(1, 5, 2, 16), v(1, 5, 2, 16), out(1, 3, 4, 16);
  const auto run = [&] { bl::attend(bl::host::here(), spec, q.view(), k.view(), v.view(), out.view()); };
  CHECK_NOTHROW(run());
  SUBCASE("heads") {
    q = test::tensor<float>(1, 3, 5, 16);
    CHECK_THROWS_WITH_AS(run(), "attend: q has 5 heads, but heads<...> says 4.", bl::shape_error);
  }
  SUBCASE("sizes") {
    k = test::tensor<float>(1, 5, 2, 8);
    CHECK_THROWS_WITH_AS(run(), "attend: k has 8 dimensions a head, but heads<...> says 16.",
                         bl::shape_error);
  }
  SUBCASE("positions") {
    v = test::tensor<float>(1, 6, 2, 16);
    CHECK_THROWS_WITH_AS(run(), "attend: v has 6 positions, but k says 5.", bl::shape_error);
  }
  SUBCASE("sequences") {
    out = test::tensor<float>(2, 3, 4, 16);
    CHECK_THROWS_WITH_AS(run(), "attend: out has 2 sequences, but q says 1.", bl::shape_error);
  }
  SUBCASE("more queries than keys") {
    q = test::tensor<float>(1, 6, 4, 16);
    out = test::tensor<float>(1, 6, 4, 16);
    CHECK_THROWS_AS(run(), bl::shape_error);
  }
  SUBCASE("head counts at run time") {
    using free = bl::attention<bl::heads<bl::dynamic, bl::dynamic, 16>>;
    const free odd{bl::heads<bl::dynamic, bl::dynamic, 16>{{4}, {3}, {}, {}}};
    CHECK_THROWS_AS(bl::attend(bl::host::here(), odd, q.view(), k.view(), v.view(), out.view()),
                    bl::shape_error);
  }
}

TEST_CASE("states find their policies, and policies without state take no room") {
  using spec_type =
      bl::attention<bl::heads<2, 2, 16>, bl::mask::window<>, test::distance_penalty, bl::score::softcap>;
  const spec_type spec{bl::score::softcap{3.0f}, bl::mask::window<>{{5}}, test::distance_penalty{0.5f}};
  CHECK(spec.get<1>().width == 5);
  CHECK(spec.get<2>().slope == 0.5f);
  CHECK(spec.get<3>().cap == 3.0f);
  CHECK(sizeof(spec_type) == 12);
  CHECK(std::is_empty_v<bl::attention<bl::heads<2, 2, 16>, bl::mask::causal, bl::mask::window<8>>>);
}
