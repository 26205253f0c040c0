// SPDX-License-Identifier: Apache-2.0

// Outputs over different keys, merged by their log-sum-exp.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/host/merge.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float ill = std::numeric_limits<float>::quiet_NaN();

/// An output with its log-sum-exp.
struct part {
  test::tensor<float> out, lse;

  part(bl::index batch, bl::index queries, bl::index heads, bl::index size)
      : out(test::poisoned_tensor<float>(batch, queries, heads, size)),
        lse(test::poisoned_tensor<float>(1, batch, queries, heads)) {}

  bl::host_view<float, 3> sums() { return {lse.data.data(), lse.extent[1], lse.extent[2], lse.extent[3]}; }
};

part merged(part& a, part& b) {
  part result(a.out.extent[0], a.out.extent[1], a.out.extent[2], a.out.extent[3]);
  bl::merge(bl::host::here(), a.out.view(), a.sums(), b.out.view(), b.sums(), result.out.view(),
            result.sums());
  return result;
}

/// Some keys of all heads, by their places.
test::tensor<float> rows_of(const test::tensor<float>& x, int batch, int first, int last) {
  const auto row = static_cast<std::size_t>(x.extent[2] * x.extent[3]);
  test::tensor<float> result(1, last - first, x.extent[2], x.extent[3]);
  const auto from = static_cast<std::size_t>(batch * x.extent[1] + first) * row;
  std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(from), result.data.size(), result.data.begin());
  return result;
}

part random_part(std::mt19937_64& draw, float spread) {
  part result(2, 3, 2, 5);
  result.out = test::random_tensor<float>(draw, 1.0f, 2, 3, 2, 5);
  result.lse = test::random_tensor<float>(draw, spread, 1, 2, 3, 2);
  return result;
}

}  // namespace

TEST_CASE("a prefix that sequences share is attended once and merged") {
  auto draw = test::generator();
  using heads = bl::heads<4, 2, 16>;
  const bl::attention<heads, bl::mask::causal> whole;
  using lse = bl::observe::log_sum_exp<>;
  const int prefix = 70, own = 25, queries = 6;
  // sequences of one prefix and an end of their own
  test::attend_inputs in(draw, whole, {3, queries, prefix + own}, 1.5f);
  for (auto* x : {&in.k, &in.v})
    for (int batch = 1; batch < 3; ++batch)
      std::copy_n(x->data.begin(), prefix * 32, x->data.begin() + batch * (prefix + own) * 32);
  auto wanted = test::poisoned_tensor<double>(3, queries, 4, 16);
  bl::reference::attend(whole, in.q.view(), in.k.view(), in.v.view(), wanted.view());

  // all queries of all sequences at once over the prefix, which they all see
  part of_prefix(3, queries, 4, 16), of_ends(3, queries, 4, 16);
  {
    const bl::attention<heads, lse> plain{
        lse{bl::host_view<float, 3>(of_prefix.lse.data.data(), 1, 3 * queries, 4)}};
    const auto k = rows_of(in.k, 0, 0, prefix), v = rows_of(in.v, 0, 0, prefix);
    bl::attend(bl::host::here(), plain,
               bl::host_view<const float, 4>(in.q.data.data(), 1, 3 * queries, 4, 16), k.view(), v.view(),
               bl::host_view<float, 4>(of_prefix.out.data.data(), 1, 3 * queries, 4, 16));
  }
  for (int batch = 0; batch < 3; ++batch) {
    const bl::attention<heads, bl::mask::causal, lse> ends{
        lse{bl::host_view<float, 3>(of_ends.lse.data.data() + batch * queries * 4, 1, queries, 4)}};
    const auto k = rows_of(in.k, batch, prefix, prefix + own), v = rows_of(in.v, batch, prefix, prefix + own);
    const auto q = rows_of(in.q, batch, 0, queries);
    bl::attend(bl::host::here(), ends, q.view(), k.view(), v.view(),
               bl::host_view<float, 4>(of_ends.out.data.data() + batch * queries * 64, 1, queries, 4, 16));
  }
  const part result = merged(of_prefix, of_ends);
  CHECK(test::relative_error(result.out.data, wanted.data) < 1e-5);

  // a result may take the place of a part
  bl::merge(bl::host::here(), of_prefix.out.view(), of_prefix.sums(), of_ends.out.view(), of_ends.sums(),
            of_prefix.out.view(), of_prefix.sums());
  CHECK(of_prefix.out.data == result.out.data);
  CHECK(of_prefix.lse.data == result.lse.data);
}

TEST_CASE("merging is the weighted mean, associative and commutative") {
  auto draw = test::generator();
  for (const float spread : {1.0f, 20.0f, 300.0f}) {
    part a = random_part(draw, spread), b = random_part(draw, spread), c = random_part(draw, spread);
    part ab = merged(a, b), bc = merged(b, c), ba = merged(b, a);
    const part left = merged(ab, c), right = merged(a, bc);
    std::vector<double> wanted, sums;
    for (std::size_t row = 0; row < a.lse.data.size(); ++row) {
      const double x = static_cast<double>(a.lse.data[row]), y = static_cast<double>(b.lse.data[row]),
                   z = static_cast<double>(c.lse.data[row]);
      const double largest = std::max({x, y, z});
      const double p = std::exp(x - largest), q = std::exp(y - largest), r = std::exp(z - largest);
      sums.push_back(largest + std::log(p + q + r));
      for (std::size_t i = row * 5; i < row * 5 + 5; ++i)
        wanted.push_back((p * static_cast<double>(a.out.data[i]) + q * static_cast<double>(b.out.data[i]) +
                          r * static_cast<double>(c.out.data[i])) /
                         (p + q + r));
    }
    for (const part* found : {&left, &right}) {
      CHECK(test::relative_error(found->out.data, wanted) <
            1e-5 * static_cast<double>(std::max(1.0f, spread / 10)));
      CHECK(test::relative_error(found->lse.data, sums) < 1e-6);
    }
    CHECK(ab.out.data == ba.out.data);
    CHECK(ab.lse.data == ba.lse.data);
  }
}

TEST_CASE("minus infinity is the neutral element, whatever lies beside it") {
  auto draw = test::generator();
  part a = random_part(draw, 3.0f), nothing(2, 3, 2, 5);
  for (auto& x : nothing.lse.data) x = -infinity;  // the output stays NaN
  for (const part& found : {merged(a, nothing), merged(nothing, a)}) {
    CHECK(found.out.data == a.out.data);
    CHECK(found.lse.data == a.lse.data);
  }
  const part none = merged(nothing, nothing);
  for (float x : none.out.data) CHECK(x == 0.0f);
  for (float x : none.lse.data) CHECK(x == -infinity);
}

TEST_CASE("a log-sum-exp of NaN makes its row NaN on either side") {
  for (const auto& by : {bl::merge_by(ill, 1.0f), bl::merge_by(1.0f, ill), bl::merge_by(-infinity, ill),
                         bl::merge_by(ill, -infinity)}) {
    CHECK(std::isnan(by(1.0f, 1.0f)));
    CHECK(std::isnan(by.log_sum));
  }
}

TEST_CASE("parts that do not fit each other are named") {
  part a(1, 3, 2, 4), b(1, 3, 2, 5), c(1, 4, 2, 4);
  CHECK_THROWS_WITH_AS(
      bl::merge(bl::host::here(), a.out.view(), a.sums(), b.out.view(), b.sums(), a.out.view(), a.sums()),
      "merge: out_b has 5 dimensions a head, but out has 4.", bl::shape_error);
  CHECK_THROWS_WITH_AS(
      bl::merge(bl::host::here(), a.out.view(), c.sums(), a.out.view(), a.sums(), a.out.view(), a.sums()),
      "merge: lse_a has 4 queries, but out has 3.", bl::shape_error);
}
