// SPDX-License-Identifier: Apache-2.0

// Normalizers on the host: their laws, and formulas written down here.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "byteloom/attend/normalizer/softmax_with_epsilon.hpp"
#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/attend/observe/row_maximum.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Calls f(name, normalizer, weights(scores)) for each normalizer with its definition, whose weights are
/// those that values are multiplied by in the end. Rows are those of head 1.
template <class F>
void for_each_normalizer(const F& f) {
  static const std::vector<float> logits{-9.0f, 1.5f};
  const auto shares = [](double extra) {
    return [extra](const test::vector& scores) {
      double sum = extra;
      test::vector result;
      for (double s : scores) sum += std::exp(s);
      for (double s : scores) result.push_back(std::exp(s) / sum);
      return result;
    };
  };
  const auto each = [](auto formula) {
    return [formula](const test::vector& scores) {
      test::vector result;
      for (double s : scores) result.push_back(formula(s));
      return result;
    };
  };
  f("softmax", bl::normalizer::softmax{}, shares(0));
  f("softmax_plus_one", bl::normalizer::softmax_plus_one{}, shares(1));
  f("softmax_with_epsilon", bl::normalizer::softmax_with_epsilon{0.25f}, [=](const test::vector& scores) {
    const double largest = *std::max_element(scores.begin(), scores.end());
    return shares(0.25 * std::exp(largest))(scores);
  });
  f("sinks", bl::normalizer::sinks<>{bl::host_view<const float, 1>(logits.data(), 2)}, shares(std::exp(1.5)));
  f("scalable_softmax", bl::normalizer::scalable_softmax{0.5f}, shares(0));
  f("sigmoid", bl::normalizer::sigmoid{-1.5f}, each([](double s) { return 1 / (1 + std::exp(1.5 - s)); }));
  f("squared_relu", bl::normalizer::squared_relu{}, each([](double s) { return s > 0 ? s * s : 0; }));
  f("clipped_softmax", bl::normalizer::clipped_softmax{-0.125f, 1.25f}, [=](const test::vector& scores) {
    auto result = shares(0)(scores);
    for (double& p : result) p = std::clamp(1.375 * p - 0.125, 0.0, 1.0);
    return result;
  });
}

const bl::row somewhere{0, 1, 1, 5, 6, 6};

/// The state of a row after blocks of scores, and what was gathered of values, one number each.
template <class Normalizer, class Real>
struct gathered {
  typename Normalizer::template state<Real> state{};
  Real sum = 0;

  void add(const Normalizer& normalizer, const std::vector<Real>& scores, const std::vector<Real>& values) {
    Real largest = -bl::math::infinity<Real>;
    for (Real s : scores) largest = std::max(largest, s);
    sum *= normalizer.raise(state, largest);
    Real weights = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const Real weight = normalizer.weight(state, scores[i]);
      weights += weight;
      sum += weight * values[i];
    }
    normalizer.add(state, weights);
  }
};

template <class Normalizer>
double result_of(const Normalizer& normalizer, const gathered<Normalizer, double>& row,
                 const test::vector& scores, const test::vector& values) {
  if constexpr (Normalizer::passes == 2) {
    double sum = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
      sum += values[i] * normalizer.second(row.state, somewhere, scores[i]);
    return sum;
  } else {
    return row.sum * normalizer.finish(row.state, somewhere);
  }
}

double product(const test::vector& a, const test::vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

template <class Normalizer>
using with = bl::attention<bl::heads<2, 2, 16>, Normalizer>;

struct nothing {
  using axis = bl::axis::mask;
  BYTELOOM_HD constexpr bool keep(bl::site) const { return false; }
};

}  // namespace

TEST_CASE("normalizers on the host agree with the reference") {
  auto draw = test::generator();
  test::for_each_normalizer_attention(draw,
                                      [&](const char* name, const auto& spec, test::attend_shape shape) {
                                        test::check_against_reference(draw, name, spec, shape);
                                      });
}

TEST_CASE("weights are those of the definition, in blocks and merged in any order") {
  auto draw = test::generator();
  std::normal_distribution<double> normal(0.0, 2.0);
  for_each_normalizer([&](const char* name, const auto& normalizer, const auto& weights) {
    CAPTURE(std::string(name));
    using type = std::remove_cvref_t<decltype(normalizer)>;
    for (int round = 0; round < 50; ++round) {
      test::vector scores(9), values(9);
      for (auto& x : scores) x = normal(draw);
      for (auto& x : values) x = normal(draw);
      const double wanted = product(weights(scores), values);
      const auto part = [&](std::size_t first, std::size_t last) {
        gathered<type, double> row;
        for (std::size_t i = first; i < last; i += 2)
          row.add(normalizer, {scores[i], i + 1 < last ? scores[i + 1] : -infinity},
                  {values[i], i + 1 < last ? values[i + 1] : 0.0});
        return row;
      };
      const auto joined = [&](auto a, const auto& b) {
        const auto factors = normalizer.merge(a.state, b.state);
        a.sum = a.sum * factors.left + b.sum * factors.right;
        return a;
      };
      const auto of = [&](const auto& row) { return result_of(normalizer, row, scores, values); };
      const auto close = doctest::Approx(wanted).epsilon(1e-10);
      const gathered<type, double> none;
      CHECK(of(part(0, 9)) == close);
      CHECK(of(joined(joined(part(0, 3), part(3, 4)), part(4, 9))) == close);
      CHECK(of(joined(part(4, 9), joined(part(3, 4), part(0, 3)))) == close);
      CHECK(of(joined(none, part(0, 9))) == close);
      CHECK(of(joined(part(0, 9), none)) == close);
    }
  });
}

TEST_CASE("a row without keys is zero, its log-sum minus infinity, and NaN in a kept score is NaN") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for_each_normalizer([&](const char* name, const auto& normalizer, const auto&) {
    CAPTURE(std::string(name));
    using type = std::remove_cvref_t<decltype(normalizer)>;
    gathered<type, double> row, hidden, ill, only_ill;
    CHECK(result_of(normalizer, row, {}, {}) == 0);
    hidden.add(normalizer, {-infinity, -infinity}, {1, 2});
    CHECK(result_of(normalizer, hidden, {-infinity, -infinity}, {1, 2}) == 0);
    const auto factors = normalizer.merge(row.state, hidden.state);
    CHECK(factors.left * 1.0 + factors.right * 1.0 == factors.left + factors.right);  // no NaN
    CHECK(result_of(normalizer, row, {}, {}) == 0);
    if constexpr (bl::detail::has_log_sum<type>) {
      CHECK(normalizer.log_sum(row.state, somewhere) == -infinity);
      CHECK(normalizer.log_sum(hidden.state, somewhere) == -infinity);
    }
    ill.add(normalizer, {0.5, nan, 1.0}, {1, 1, 1});
    CHECK(std::isnan(result_of(normalizer, ill, {0.5, nan, 1.0}, {1, 1, 1})));
    only_ill.add(normalizer, {nan}, {1});
    CHECK(std::isnan(result_of(normalizer, only_ill, {nan}, {1})));
  });
}

TEST_CASE("attention without keys gives zeros with every normalizer") {
  auto draw = test::generator();
  for_each_normalizer([&](const char* name, const auto& normalizer, const auto&) {
    CAPTURE(std::string(name));
    using type = std::remove_cvref_t<decltype(normalizer)>;
    using blind = bl::attention<bl::heads<2, 2, 16>, nothing, type>;
    blind spec = [&] {
      if constexpr (std::is_empty_v<type>)
        return blind{};
      else
        return blind{normalizer};
    }();
    const test::attend_inputs in(draw, spec, {1, 3, 70}, 1.0f);
    auto out = test::poisoned_tensor<float>(1, 3, 2, 16);
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
    for (float x : out.data) CHECK(x == 0.0f);
  });
}

TEST_CASE("scores in multiples of a unit give the same as true scores") {
  auto draw = test::generator();
  std::normal_distribution<double> normal(0.0, 30.0);
  for_each_normalizer([&](const char* name, const auto& normalizer, const auto&) {
    CAPTURE(std::string(name));
    using type = std::remove_cvref_t<decltype(normalizer)>;
    if constexpr (bl::detail::folds_unit<type>) {
      for (const double unit : {0.125, 1.0, 0.7}) {
        typename type::template state<double> folded{}, plain{};
        CHECK(normalizer.weight(folded, -infinity, unit) == 0);
        double factor = 1, plain_factor = 1;
        for (int block = 0; block < 5; ++block) {
          const double a = normal(draw), b = normal(draw), largest = std::max(a, b);
          const double first = normalizer.raise(folded, largest, unit);
          const double second = normalizer.raise(plain, largest * unit);
          factor *= block == 0 ? 1 : first;
          plain_factor *= block == 0 ? 1 : second;
          for (const double score : {a, b}) {
            CHECK(normalizer.weight(folded, score, unit) ==
                  doctest::Approx(normalizer.weight(plain, score * unit)).epsilon(1e-10));
            normalizer.add(folded, normalizer.weight(folded, score, unit));
            normalizer.add(plain, normalizer.weight(plain, score * unit));
          }
          CHECK(normalizer.weight(folded, -infinity, unit) == 0);
        }
        CHECK(factor == doctest::Approx(plain_factor).epsilon(1e-10));
        normalizer.settle(folded, unit);
        CHECK(normalizer.finish(folded, somewhere) ==
              doctest::Approx(normalizer.finish(plain, somewhere)).epsilon(1e-10));
        CHECK(normalizer.log_sum(folded, somewhere) ==
              doctest::Approx(normalizer.log_sum(plain, somewhere)).epsilon(1e-10));
      }
    } else {
      CHECK_FALSE(bl::detail::rescales<type>);
    }
  });
}

TEST_CASE("normalizers that say so never rescale") {
  for_each_normalizer([&](const char* name, const auto& normalizer, const auto&) {
    CAPTURE(std::string(name));
    using type = std::remove_cvref_t<decltype(normalizer)>;
    typename type::template state<float> row{};
    bool always_one = normalizer.raise(row, 1.0f) == 1.0f;
    always_one = always_one && normalizer.raise(row, 3.0f) == 1.0f;
    CHECK(always_one == !bl::detail::rescales<type>);
  });
}

TEST_CASE("extreme scores overflow nowhere") {
  const float large = 3e4f;
  const std::vector<float> logits{-9.0f, 1.5f};
  const auto finish = [&](const auto& normalizer, float score) {
    gathered<std::remove_cvref_t<decltype(normalizer)>, float> row;
    row.add(normalizer, {score, score}, {1.0f, 1.0f});
    return row.sum * normalizer.finish(row.state, somewhere);
  };
  const auto sum = [&](const auto& normalizer, float score) {
    gathered<std::remove_cvref_t<decltype(normalizer)>, float> row;
    row.add(normalizer, {score, score}, {1.0f, 1.0f});
    return normalizer.log_sum(row.state, somewhere);
  };
  const bl::normalizer::sinks<> sinks{bl::host_view<const float, 1>(logits.data(), 2)};
  const bl::normalizer::softmax_plus_one plus_one;
  CHECK(finish(plus_one, large) == 1.0f);
  CHECK(finish(plus_one, -large) == 0.0f);
  CHECK(finish(sinks, large) == 1.0f);
  CHECK(finish(sinks, -large) == 0.0f);
  CHECK(sum(plus_one, -large) == 0.0f);
  CHECK(sum(sinks, -large) == 1.5f);
  CHECK(sum(sinks, large) == doctest::Approx(large + std::log(2.0f)));
  CHECK(finish(bl::normalizer::sigmoid{}, large) == 2.0f);
  CHECK(finish(bl::normalizer::sigmoid{}, -large) == 0.0f);
}

TEST_CASE("softmax plus one sums to less than one, and tends to softmax for large scores") {
  auto draw = test::generator();
  using spec_type = bl::attention<bl::heads<2, 2, 16>, bl::score::scale, bl::normalizer::softmax_plus_one>;
  for (const float scale : {0.0f, 1.0f}) {
    const spec_type spec{bl::score::scale{scale}};
    test::attend_inputs in(draw, spec, {1, 4, 9}, 1.0f);
    for (auto& x : in.v.data) x = 1.0f;
    auto out = test::poisoned_tensor<float>(1, 4, 2, 16);
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
    for (float x : out.data) {
      CHECK(x < 1.0f);
      if (scale == 0) CHECK(x == doctest::Approx(0.9f));
    }
  }
}

TEST_CASE("each head has its own sink") {
  auto draw = test::generator();
  const std::vector<float> logits{-std::numeric_limits<float>::infinity(), 2.0f};
  using sinks = bl::normalizer::sinks<>;
  const with<sinks> spec{sinks{bl::host_view<const float, 1>(logits.data(), 2)}};
  const test::attend_inputs in(draw, spec, {1, 6, 20}, 1.0f);
  test::formulas by;
  by.score = [](double dot, int, int, int, int) { return dot / 4; };
  by.weights = [](int head, const test::vector& scores) {
    double sum = head == 0 ? 0 : std::exp(2.0);
    for (double s : scores) sum += std::exp(s);
    test::vector result;
    for (double s : scores) result.push_back(std::exp(s) / sum);
    return result;
  };
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("NRM-02 Scalable-Softmax: n^(s z) over its sum, n the keys that the row attends to") {
  auto draw = test::generator();
  const std::vector<float> s{0.43f, 0.168f};
  using per_head = bl::normalizer::scalable_softmax_per_head<>;
  const per_head learned{bl::host_view<const float, 1>(s.data(), 2)};
  test::formulas paper;
  paper.score = [](double dot, int, int, int query, int key) {
    return key <= query ? dot / 4 : test::unseen;
  };
  paper.weights = [&](int head, const test::vector& scores) {
    const double n = static_cast<double>(scores.size());
    double sum = 0;
    test::vector result;
    for (double z : scores)
      result.push_back(std::pow(n, static_cast<double>(s[static_cast<std::size_t>(head)]) * z));
    for (double w : result) sum += w;
    for (double& w : result) w /= sum;
    return result;
  };
  SUBCASE("causal rows, the first of one key, and rows of a later call") {
    const bl::attention<bl::heads<2, 2, 16>, bl::mask::causal, per_head> spec{learned};
    for (const auto shape : {test::attend_shape{2, 150, 150}, test::attend_shape{1, 1, 90}}) {
      const test::attend_inputs in(draw, spec, shape, 2.0f);
      CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 1e-5);
    }
  }
  SUBCASE("windows count what they keep") {
    const bl::attention<bl::heads<2, 2, 16>, bl::mask::causal, bl::mask::window<12>, per_head> spec{learned};
    const test::attend_inputs in(draw, spec, {1, 80, 80}, 2.0f);
    paper.score = [](double dot, int, int, int query, int key) {
      return key <= query && query - key < 12 ? dot / 4 : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 1e-5);
  }
  SUBCASE("without a mask") {
    const with<per_head> spec{learned};
    CHECK(spec.count({0, 0, 0, 3, 5, 77}) == 77);
    const test::attend_inputs in(draw, spec, {1, 10, 77}, 2.0f);
    paper.score = [](double dot, int, int, int, int) { return dot / 4; };
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 1e-5);
  }
  SUBCASE("a cache's length counts, not its room") {
    const bl::attention<bl::heads<2, 2, 16>, bl::mask::causal, per_head> spec{learned};
    const test::attend_inputs in(draw, spec, {1, 1, 40}, 2.0f);
    test::attend_inputs roomy(draw, spec, {1, 1, 99}, 2.0f);
    std::copy(in.k.data.begin(), in.k.data.end(), roomy.k.data.begin());
    std::copy(in.v.data.begin(), in.v.data.end(), roomy.v.data.begin());
    auto out = test::poisoned_tensor<float>(1, 1, 2, 16);
    const int length = 40;
    bl::attend_cached(bl::host::here(), spec, in.q.view(), roomy.k.view(), roomy.v.view(),
                      bl::host_view<const int, 1>(&length, 1), out.view());
    CHECK(test::relative_error(out.data, test::brute_force(in, paper)) < 1e-5);
  }
}

TEST_CASE("a key that a bias hides stays hidden when its row is scaled by zero") {
  auto draw = test::generator();
  const std::vector<float> bias{0.0f, -std::numeric_limits<float>::infinity(), 0.0f};
  using spec_type =
      bl::attention<bl::heads<2, 2, 16>, bl::score::key_bias<>, bl::normalizer::scalable_softmax>;
  const spec_type spec{bl::score::key_bias<>{bl::host_view<const float, 2>(bias.data(), 1, 3)},
                       bl::normalizer::scalable_softmax{0.0f}};
  test::attend_inputs in(draw, spec, {1, 1, 3}, 1.0f);
  auto out = test::poisoned_tensor<float>(1, 1, 2, 16);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  for (int i = 0; i < 16; ++i)
    CHECK(out.view()(0, 0, 0, i) ==
          doctest::Approx(0.5f * in.v.view()(0, 0, 0, i) + 0.5f * in.v.view()(0, 2, 0, i)));
}

TEST_CASE("clipped softmax as in NRM-03 has exact zeros and ones") {
  auto draw = test::generator();
  const double low = -12.0 / 256, high = 1.0;  // gamma = -alpha / T with T the longest sequence
  using clipped = bl::normalizer::clipped_softmax;
  const bl::attention<bl::heads<2, 2, 16>, bl::mask::causal, clipped> spec{clipped{-12.0f / 256}};
  const test::attend_inputs in(draw, spec, {1, 190, 190}, 2.0f);
  int zeros = 0, ones = 0;
  test::formulas paper;
  paper.score = [](double dot, int, int, int query, int key) {
    return key <= query ? dot / 4 : test::unseen;
  };
  paper.weights = [&](int, const test::vector& scores) {
    double sum = 0;
    test::vector result;
    for (double s : scores) sum += std::exp(s);
    for (double s : scores) {
      result.push_back(std::clamp((high - low) * std::exp(s) / sum + low, 0.0, 1.0));
      zeros += result.back() == 0 ? 1 : 0;
      ones += result.back() == 1 ? 1 : 0;
    }
    return result;
  };
  CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 2e-5);
  CHECK(zeros > 1000);
  CHECK(ones > 0);
}

TEST_CASE("sigmoid and squared relu weigh each key by itself") {
  auto draw = test::generator();
  const with<bl::normalizer::sigmoid> sigmoid{bl::normalizer::sigmoid{-std::log(40.0f)}};
  using relu_type = bl::attention<bl::heads<2, 2, 16>, bl::score::scale, bl::normalizer::squared_relu>;
  const relu_type relu{bl::score::scale{1.0f / 40}};
  const test::attend_inputs in(draw, relu, {1, 7, 40}, 1.5f);
  test::formulas by;
  by.score = [](double dot, int, int, int, int) { return dot; };
  by.weights = [](int, const test::vector& dots) {
    test::vector result;
    for (double x : dots) result.push_back(1 / (1 + std::exp(-(x / 4 - std::log(40.0)))));
    return result;
  };
  CHECK(test::host_error(sigmoid, in, test::brute_force(in, by)) < 1e-5);
  by.weights = [](int, const test::vector& dots) {
    test::vector result;
    for (double x : dots) result.push_back(x > 0 ? x / 40 * x / 40 : 0);
    return result;
  };
  CHECK(test::host_error(relu, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("observers get the log-sum-exp and the maximum of every row") {
  auto draw = test::generator();
  using bl::observe::log_sum_exp;
  using bl::observe::row_maximum;
  const test::attend_shape shape{2, 45, 70};
  auto sums = test::poisoned_tensor<float>(1, 2, 45, 4), largest = test::poisoned_tensor<float>(1, 2, 45, 4);
  const log_sum_exp<> to_sums{bl::host_view<float, 3>(sums.data.data(), 2, 45, 4)};
  const row_maximum<> to_largest{bl::host_view<float, 3>(largest.data.data(), 2, 45, 4)};
  const std::vector<float> logits{0.5f, 1.0f, -2.0f, 4.0f};
  const auto check = [&](const auto& spec, auto extra, bool both) {
    const test::attend_inputs in(draw, spec, shape, 1.0f);
    test::vector wanted_sums, wanted_largest;
    test::formulas by;
    by.score = [](double dot, int, int, int query, int key) {
      return query - key >= 0 && query - key < 20 ? dot / 4 : test::unseen;
    };
    by.weights = [&](int head, const test::vector& scores) {
      double sum = extra(head);
      for (double s : scores) sum += std::exp(s);
      wanted_sums.push_back(std::log(sum));
      wanted_largest.push_back(*std::max_element(scores.begin(), scores.end()));
      test::vector result;
      for (double s : scores) result.push_back(std::exp(s) / sum);
      return result;
    };
    const auto out = test::brute_force(in, by);
    CHECK(test::host_error(spec, in, out) < 1e-5);
    CHECK(test::relative_error(sums.data, wanted_sums) < 1e-6);
    if (both) CHECK(test::relative_error(largest.data, wanted_largest) < 1e-6);
    auto again = test::poisoned_tensor<double>(2, 45, 4, 16);
    std::fill(sums.data.begin(), sums.data.end(), 0.0f);
    bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), again.view());
    CHECK(test::relative_error(sums.data, wanted_sums) < 1e-6);
  };
  using namespace bl;
  using sinks = normalizer::sinks<>;
  using four = heads<4, 2, 16>;
  check(
      attention<four, mask::causal, mask::window<20>, log_sum_exp<>, row_maximum<>>{to_sums, to_largest},
      [](int) { return 0.0; }, true);
  check(
      attention<four, log_sum_exp<>, mask::causal, mask::window<20>, normalizer::softmax_plus_one>{to_sums},
      [](int) { return 1.0; }, false);
  check(
      attention<four, mask::causal, mask::window<20>, sinks, log_sum_exp<>>{
          sinks{host_view<const float, 1>(logits.data(), 4)}, to_sums},
      [&](int head) { return std::exp(static_cast<double>(logits[static_cast<std::size_t>(head)])); }, false);

  const attention<four, nothing, log_sum_exp<>, row_maximum<>> blind{to_sums, to_largest};
  const test::attend_inputs in(draw, blind, shape, 1.0f);
  test::host_error(blind, in, {});
  for (float x : sums.data) CHECK(x == -std::numeric_limits<float>::infinity());
  for (float x : largest.data) CHECK(x == -std::numeric_limits<float>::infinity());
}

TEST_CASE("normalizers and observers that mean nothing are refused by name") {
  auto draw = test::generator();
  const auto refused = [&](const auto& spec, const char* name) {
    const test::attend_inputs in(draw, spec, {1, 3, 5}, 1.0f);
    auto out = test::poisoned_tensor<float>(1, 3, 2, 16);
    CHECK_THROWS_WITH_AS(
        bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view()),
        doctest::Contains(name), bl::error);
  };
  using namespace bl;
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> three(3);
  const host_view<const float, 1> few(three.data(), 3);
  for (const float wrong : {inf, std::nanf("")}) {
    refused(with<normalizer::scalable_softmax>{normalizer::scalable_softmax{wrong}},
            "normalizer::scalable_softmax");
    refused(with<normalizer::sigmoid>{normalizer::sigmoid{wrong}}, "normalizer::sigmoid");
    refused(with<normalizer::clipped_softmax>{normalizer::clipped_softmax{-0.1f, wrong}},
            "normalizer::clipped_softmax");
  }
  for (const float wrong : {inf, std::nanf(""), -1e-6f})
    refused(with<normalizer::softmax_with_epsilon>{normalizer::softmax_with_epsilon{wrong}},
            "normalizer::softmax_with_epsilon");
  refused(with<normalizer::clipped_softmax>{normalizer::clipped_softmax{0.1f}},
          "normalizer::clipped_softmax");
  refused(with<normalizer::clipped_softmax>{normalizer::clipped_softmax{0.0f, 0.9f}},
          "normalizer::clipped_softmax");
  refused(with<normalizer::sinks<>>{normalizer::sinks<>{few}}, "normalizer::sinks");
  using per_head = normalizer::scalable_softmax_per_head<>;
  refused(with<per_head>{per_head{few}}, "normalizer::scalable_softmax_per_head");
  const host_view<float, 3> small(three.data(), 1, 3, 1);
  refused(with<observe::log_sum_exp<>>{observe::log_sum_exp<>{small}}, "observe::log_sum_exp");
  refused(with<observe::row_maximum<>>{observe::row_maximum<>{small}}, "observe::row_maximum");
}
