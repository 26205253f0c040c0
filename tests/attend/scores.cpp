// SPDX-License-Identifier: Apache-2.0

// Score policies on the host against the reference, and against formulas written down here.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "byteloom/attend/folding.hpp"
#include "byteloom/attend/mask/documents.hpp"
#include "byteloom/attend/mask/in_ring.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/attend/score/disentangled.hpp"
#include "byteloom/attend/score/in_ring.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/host/attend.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

/// The slopes as ALiBi's authors' code lists them.
std::vector<double> published_slopes(int heads) {
  const auto of_power = [](int n) {
    const double start = std::pow(2.0, -std::pow(2.0, -(std::log2(n) - 3)));
    std::vector<double> result;
    for (int i = 0; i < n; ++i) result.push_back(start * std::pow(start, i));
    return result;
  };
  const int below = 1 << static_cast<int>(std::floor(std::log2(heads)));
  auto result = of_power(below);
  if (below == heads) return result;
  const auto finer = published_slopes(2 * below);
  for (std::size_t i = 0; static_cast<int>(result.size()) < heads; i += 2) result.push_back(finer[i]);
  return result;
}

/// T5's bucket by counting boundaries, which are exact * (max / exact)^(b / (number of far buckets)).
int counted_bucket(int key_minus_query, int buckets, int max_distance, bool causal) {
  int first = 0;
  if (!causal) {
    buckets /= 2;
    if (key_minus_query > 0) first = buckets;
  }
  const int far = causal ? std::max(-key_minus_query, 0) : std::abs(key_minus_query);
  const int exact = buckets / 2;
  if (far < exact) return first + far;
  int bucket = exact;
  while (bucket + 1 < buckets) {
    const long double power = static_cast<long double>(bucket + 1 - exact) / (buckets - exact);
    const long double boundary =
        exact * std::pow(static_cast<long double>(max_distance) / exact, power) - 1e-9L;
    if (static_cast<long double>(far) < boundary) break;
    ++bucket;
  }
  return first + bucket;
}

constexpr double root16 = 4.0;

}  // namespace

TEST_CASE("score policies on the host agree with the reference") {
  auto draw = test::generator();
  test::for_each_score_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_against_reference(draw, name, spec, shape);
  });
}

TEST_CASE("policies over a ring see positions that are there, and their data is for the sequence") {
  using namespace bl;
  const cache::sink_ring ring{2, 4, 3};  // slots 3 to 5 are empty
  const std::vector<float> bias{1.0f, 2.0f, 4.0f};
  const std::vector<int> ids{0, 0, 1};
  const auto biased = [&](bl::index keys) {
    using inner = score::key_bias<>;
    return score::in_ring<inner>(ring, inner{host_view<const float, 2>(bias.data(), 1, keys)});
  };
  const auto own_document = [&](bl::index keys) {
    using inner = mask::documents<>;
    return mask::in_ring<inner>(ring, inner{host_view<const int, 2>(ids.data(), 1, keys)});
  };
  const std::vector<float> wanted{1, 2, 4, 1, 1, 1};
  for (int slot = 0; slot < ring.slots(); ++slot) {
    CHECK(biased(3)(0.0f, site{0, 0, 0, 2, slot, 1, 6}) == wanted[static_cast<std::size_t>(slot)]);
    CHECK(own_document(3).keep(site{0, 0, 0, 2, slot, 1, 6}) == (slot == 2));
  }
  const call_extents call{1, 1, 6, 1, 1, 16};
  CHECK_NOTHROW(biased(3).fits(call));
  CHECK_THROWS_AS(biased(2).fits(call), shape_error);
  CHECK_NOTHROW(own_document(3).fits(call));
  CHECK_THROWS_AS(own_document(2).fits(call), shape_error);
}

TEST_CASE("alibi's slopes are the published ones for every number of heads") {
  for (int heads = 1; heads <= 70; ++heads) {
    const auto published = published_slopes(heads);
    for (int head = 0; head < heads; ++head) {
      CHECK(bl::score::alibi_slope<double>(head, heads) ==
            doctest::Approx(published[static_cast<std::size_t>(head)]).epsilon(1e-12));
      CHECK(bl::score::alibi_slope<float>(head, heads) ==
            doctest::Approx(published[static_cast<std::size_t>(head)]).epsilon(1e-6));
    }
  }
}

TEST_CASE("alibi is zero at its own key, falls with distance, and keeps the sides apart or alike") {
  const bl::score::alibi<4> causal;
  const bl::score::alibi<4, bl::score::distance::symmetric> symmetric;
  for (int head = 0; head < 4; ++head)
    for (int key = 0; key < 40; ++key) {
      const bl::site at{0, head, head, 20, key, 40, 40};
      const bl::site other{0, head, head, 20, 40 - key, 40, 40};
      CHECK(causal(0.0, at) == -causal(0.0, other));
      CHECK(symmetric(0.0, at) == symmetric(0.0, other));
      CHECK(symmetric(0.0, at) <= 0);
      if (key <= 20) CHECK(symmetric(0.0, at) == causal(0.0, at));
      if (key == 20) CHECK(symmetric(1.5, at) == 1.5);
    }
}

TEST_CASE("T5's buckets are those of the published rule") {
  for (const int buckets : {4, 8, 31, 32, 64, 320})
    for (const int furthest : {64, 100, 128, 800})
      for (int step = -1000; step <= 1000; ++step) {
        if (furthest <= buckets / 2) continue;
        const int causal = bl::score::t5_bucket<bl::score::t5_direction::causal>(step, buckets, furthest);
        const int both =
            bl::score::t5_bucket<bl::score::t5_direction::bidirectional>(step, buckets, furthest);
        REQUIRE(causal == counted_bucket(step, buckets, furthest, true));
        REQUIRE(both == counted_bucket(step, buckets, furthest, false));
        REQUIRE(causal < buckets);
        REQUIRE(both < buckets);
      }
}

TEST_CASE("POS-01 (partial: attention alone, no decoder around it) T5, ALiBi, partial RoPE and none") {
  auto draw = test::generator();
  const test::attend_shape shape{1, 50, 170};
  const auto causal = [](int query, int key) { return key <= query; };
  const bl::score::scale no_scale{1.0f};
  SUBCASE("T5 bias, unscaled") {
    test::random_table table(draw, 1.0f, 32, 4);
    using t5 = bl::score::t5_buckets<>;
    const bl::attention<bl::heads<4, 4, 16>, bl::score::scale, t5, bl::mask::causal> spec{no_scale,
                                                                                          t5{table.matrix()}};
    const test::attend_inputs in(draw, spec, shape, 0.7f);
    test::formulas by;
    by.score = [&](double dot, int, int head, int query, int key) {
      const int n = std::max(query - key, 0);
      const int bucket =
          n < 16 ? n
                 : std::min(31, 16 + static_cast<int>(
                                         std::floor(16 * std::log(n / 16.0) / std::log(128 / 16.0) + 1e-9)));
      return causal(query, key) ? dot + static_cast<double>(table.matrix()(bucket, head)) : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  }
  SUBCASE("ALiBi, unscaled; adding m * key instead gives the same weights") {
    using spec_type =
        bl::attention<bl::heads<6, 6, 16>, bl::score::scale, bl::score::alibi<6>, bl::mask::causal>;
    const spec_type spec{no_scale};
    const test::attend_inputs in(draw, spec, shape, 0.7f);
    const auto slopes = published_slopes(6);
    test::formulas by;
    by.score = [&](double dot, int, int head, int query, int key) {
      return causal(query, key) ? dot + slopes[static_cast<std::size_t>(head)] * key : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  }
  SUBCASE("RoPE over the first quarter, interleaved, unscaled") {
    using turning = bl::position::partial<4, bl::position::rope<bl::position::pairing::interleaved>>;
    const bl::attention<bl::heads<2, 2, 16>, bl::score::scale, turning, bl::mask::causal> spec{no_scale};
    const test::attend_inputs in(draw, spec, shape, 0.7f);
    test::formulas by;
    by.turned = [](test::vector x, bool, int, int position, int) {
      for (std::size_t c = 0; c < 2; ++c) {
        const double angle = position * std::pow(10000.0, -2.0 * static_cast<double>(c) / 4);
        const double a = x[2 * c], b = x[2 * c + 1];
        x[2 * c] = a * std::cos(angle) - b * std::sin(angle);
        x[2 * c + 1] = b * std::cos(angle) + a * std::sin(angle);
      }
      return x;
    };
    by.score = [&](double dot, int, int, int query, int key) {
      return causal(query, key) ? dot : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  }
  SUBCASE("no encoding: the causal mask alone") {
    const bl::attention<bl::heads<2, 2, 16>, bl::score::scale, bl::mask::causal> spec{no_scale};
    const test::attend_inputs in(draw, spec, shape, 0.7f);
    test::formulas by;
    by.score = [&](double dot, int, int, int query, int key) {
      return causal(query, key) ? dot : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  }
}

TEST_CASE("MSK-06 (partial: the bias alone, no shifted windows, no merging) Swin's table") {
  auto draw = test::generator();
  const int side = 7;
  test::random_table table(draw, 1.0f, 13 * 13, 3);
  using bias = bl::score::relative_bias<2>;
  const bl::attention<bl::heads<3, 3, 16>, bias> spec{bias{table.matrix(), {{side, side}}, {{side, side}}}};
  const test::attend_inputs in(draw, spec, {1, 49, 49}, 1.0f);
  test::formulas by;
  by.score = [&](double dot, int, int head, int query, int key) {
    const int row =
        (query / side - key / side + side - 1) * (2 * side - 1) + (query % side - key % side + side - 1);
    return dot / root16 + static_cast<double>(table.matrix()(row, head));
  };
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("a table over three axes has the slowest axis first") {
  auto draw = test::generator();
  test::random_table table(draw, 1.0f, 3 * 5 * 7, 2);
  const bl::score::relative_bias<3> bias{table.matrix(), {{2, 3, 4}}, {{2, 3, 4}}};
  for (int query = 0; query < 24; ++query)
    for (int key = 0; key < 24; ++key) {
      const int t = query / 12 - key / 12, y = query / 4 % 3 - key / 4 % 3, x = query % 4 - key % 4;
      const int row = ((t + 1) * 5 + y + 2) * 7 + x + 3;
      for (int head = 0; head < 2; ++head)
        CHECK(bias(0.5, bl::site{0, head, head, query, key, 24, 24}) ==
              0.5 + static_cast<double>(table.matrix()(row, head)));
    }
}

TEST_CASE(
    "MSK-01 (partial: the ALiBi form, no rotary branch, no cache) a distance clamped behind a Lambda mask") {
  auto draw = test::generator();
  struct lambda {
    using axis = bl::axis::mask;
    BYTELOOM_HD constexpr bool keep(bl::site at) const {
      return at.key <= at.query && (at.query - at.key < 20 || at.key < 3);
    }
  };
  using clamped = bl::score::clamped_distance<bl::score::alibi<4>>;
  const bl::attention<bl::heads<4, 4, 16>, lambda, clamped> spec{clamped{{}, 20}};
  const test::attend_inputs in(draw, spec, {1, 80, 80}, 1.0f);
  test::formulas by;
  by.score = [&](double dot, int, int head, int query, int key) {
    const int far = query - key;
    if (!(far >= 0 && far < 20) && !(far >= 20 && key < 3)) return test::unseen;
    return dot / root16 - std::pow(2.0, -2.0 * (head + 1)) * std::min(far, 20);
  };
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("a clamped distance changes nothing inside its limit and is flat beyond it, on both sides") {
  using inner = bl::score::alibi<2, bl::score::distance::symmetric>;
  const bl::score::clamped_distance<inner> clamped{{}, 10};
  const auto at = [](int key) { return bl::site{0, 1, 1, 50, key, 100, 100}; };
  for (int key = 0; key < 100; ++key) {
    const double wanted = inner{}(1.0, at(std::clamp(key, 40, 60)));
    CHECK(clamped(1.0, at(key)) == wanted);
  }
}

TEST_CASE("RED-01 (partial: the key bias alone) a gate per key, and padding by minus infinity") {
  auto draw = test::generator();
  const float infinity = std::numeric_limits<float>::infinity();
  test::random_table gate(draw, 5.0f, 2, 33);
  for (int key = 0; key < 33; key += 4) gate.values.view()(0, 0, 1, key) = -infinity;
  using spec_type = bl::attention<bl::heads<2, 1, 16>, bl::score::scale, bl::score::key_bias<>>;
  const spec_type spec{bl::score::scale{1.0f}, bl::score::key_bias<>{gate.matrix()}};
  const test::attend_inputs in(draw, spec, {2, 9, 33}, 0.5f);
  test::formulas by;
  by.score = [&](double dot, int batch, int, int, int key) {
    if (batch == 1 && key % 4 == 0) return test::unseen;
    return dot + static_cast<double>(gate.matrix()(batch, key));
  };
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  for (auto& x : gate.values.data) x = -infinity;
  auto out = test::poisoned_tensor<float>(2, 9, 2, 16);
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  for (float x : out.data) CHECK(x == 0.0f);
}

TEST_CASE("the logarithm of its count makes a key weigh as much as that many copies of it") {
  auto draw = test::generator();
  const std::vector<int> counts{1, 4, 2, 1, 3};
  std::vector<float> logs;
  for (int n : counts) logs.push_back(std::log(static_cast<float>(n)));
  using merged_type = bl::attention<bl::heads<2, 2, 16>, bl::score::key_bias<>>;
  const merged_type merged{bl::score::key_bias<>{bl::host_view<const float, 2>(logs.data(), 1, 5)}};
  const bl::attention<bl::heads<2, 2, 16>> plain;
  const test::attend_inputs in(draw, merged, {1, 4, 5}, 1.0f);
  test::attend_inputs copies(draw, plain, {1, 4, 11}, 1.0f);
  copies.q = in.q;
  bl::index to = 0;
  for (int key = 0; key < 5; ++key)
    for (int n = 0; n < counts[static_cast<std::size_t>(key)]; ++n, ++to)
      for (int head = 0; head < 2; ++head)
        for (int i = 0; i < 16; ++i) {
          copies.k.view()(0, to, head, i) = in.k.view()(0, key, head, i);
          copies.v.view()(0, to, head, i) = in.v.view()(0, key, head, i);
        }
  auto wanted = test::poisoned_tensor<double>(1, 4, 2, 16);
  bl::reference::attend(plain, copies.q.view(), copies.k.view(), copies.v.view(), wanted.view());
  CHECK(test::host_error(merged, in, wanted.data) < 1e-5);
}

TEST_CASE("a temperature replaces the default scale and divides") {
  auto draw = test::generator();
  const std::vector<float> of_heads{0.5f, 4.0f};
  using per_head = bl::score::temperature_per_head<>;
  const bl::attention<bl::heads<2, 2, 16>, per_head> several{
      per_head{bl::host_view<const float, 1>(of_heads.data(), 2)}};
  const bl::attention<bl::heads<2, 2, 16>, bl::score::temperature> one{bl::score::temperature{2.5f}};
  const test::attend_inputs in(draw, one, {1, 9, 33}, 0.7f);
  test::formulas by;
  by.score = [](double dot, int, int head, int, int) { return dot / (head == 0 ? 0.5 : 4.0); };
  CHECK(test::host_error(several, in, test::brute_force(in, by)) < 1e-5);
  by.score = [](double dot, int, int, int, int) { return dot / 2.5; };
  CHECK(test::host_error(one, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("contents meet distances in both directions, clipped to the span") {
  auto draw = test::generator();
  constexpr int batch = 2, keys = 23, span = 5;
  const auto by_queries = test::random_tensor<float>(draw, 1.0f, 1, batch * keys, 4, 2 * span),
             by_keys = test::random_tensor<float>(draw, 1.0f, 1, batch * keys, 2, 2 * span);
  using policy = bl::score::disentangled<>;
  const bl::host_view<const float, 3> of_queries(by_queries.data.data(), batch * keys, 4, 2 * span),
      of_keys(by_keys.data.data(), batch * keys, 2, 2 * span);
  using spec_type = bl::attention<bl::heads<4, 2, 16>, policy, bl::score::scale>;
  const auto check = [&](const policy& terms, const std::vector<int>& first_rows) {
    const spec_type spec{terms, bl::score::scale{0.3f}};
    const test::attend_inputs in(draw, spec, {batch, 9, keys}, 1.0f);
    test::formulas by;
    by.score = [&](double dot, int b, int head, int query, int key) {
      const auto at = [&](int distance) {
        return distance < -span ? 0 : distance >= span ? 2 * span - 1 : distance + span;
      };
      const int first = first_rows[static_cast<std::size_t>(b)];
      return double{0.3f} * (dot + static_cast<double>(of_queries(first + query, head, at(query - key))) +
                             static_cast<double>(of_keys(first + key, head / 2, at(key - query))));
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
  };
  check(policy(of_queries, of_keys), {0, keys});
  const std::vector<int> offsets{2, 23, 46};
  check(policy(of_queries, of_keys, {offsets.data(), 3}), {2, 23});
}

TEST_CASE("score policies apply left to right, after the default scale") {
  const std::vector<float> bias{3.0f};
  const bl::host_view<const float, 2> view(bias.data(), 1, 1);
  const bl::site at{0, 0, 0, 0, 0, 1, 1};
  using keyed = bl::score::key_bias<>;
  using cap = bl::score::softcap;
  const bl::attention<bl::heads<1, 1, 16>, keyed, cap> first{keyed{view}, cap{2.0f}};
  const bl::attention<bl::heads<1, 1, 16>, cap, keyed> second{keyed{view}, cap{2.0f}};
  CHECK(first.score(8.0, at) == doctest::Approx(2 * std::tanh((2.0 + 3) / 2)));
  CHECK(second.score(8.0, at) == doctest::Approx(2 * std::tanh(2.0 / 2) + 3));
}

namespace {

template <class Spec>
using folds = byteloom::detail::score_folding<Spec>;

/// unit * score of the folding, beside what the composition says, at fresh sites.
template <class Spec>
void check_folding(std::mt19937_64& draw, const Spec& spec, int keys) {
  const folds<Spec> own(spec);
  for (int i = 0; i < 200; ++i) {
    const int query = static_cast<int>(draw() % static_cast<unsigned>(keys));
    const int key = static_cast<int>(draw() % static_cast<unsigned>(keys));
    const bl::site at{0, 0, 0, query, key, keys, keys};
    const float dot = std::uniform_real_distribution<float>(-30, 30)(draw);
    const double whole = spec.score(static_cast<double>(dot), at);
    CHECK(own.unit() * own.score(dot, at) == doctest::Approx(whole).epsilon(1e-5));
  }
}

}  // namespace

TEST_CASE("what a composition's scores are made of") {
  using namespace bl;
  using detail::folding;
  const attention<heads<1, 1, 64>, mask::causal> plain;
  CHECK(folds<decltype(plain)>(plain).unit() == 0.125f);
  using spec = attention<heads<1, 1, 64>, score::scale, score::temperature>;
  const spec several{score::scale{-3.0f}, score::temperature{2.0f}};
  CHECK(folds<spec>(several).unit() == -1.5f);
  CHECK(folds<attention<heads<1, 1, 64>, mask::causal>>::unit_is_positive);
  CHECK(folds<attention<heads<1, 1, 64>, score::temperature>>::unit_is_positive);
  CHECK_FALSE(folds<spec>::unit_is_positive);
  CHECK(folds<spec>::kind == folding::scale);
  CHECK(folds<attention<heads<1, 1, 64>, score::scale, score::softcap>>::kind == folding::factored);
  CHECK(folds<attention<heads<1, 1, 64>, score::scale, score::softcap>>::unit_is_positive);
  CHECK(folds<attention<heads<1, 1, 64>, score::softcap, score::scale>>::kind == folding::none);
  CHECK(folds<attention<heads<1, 1, 64>, score::softcap, score::alibi<1>>>::kind == folding::none);
  CHECK(folds<attention<heads<1, 1, 64>, score::temperature, score::alibi<1>>>::kind == folding::added);
  CHECK(folds<attention<heads<1, 1, 64>, score::scale, score::alibi<1>>>::kind == folding::none);
  CHECK(folds<attention<heads<1, 1, 64>, score::alibi<1>, score::temperature>>::kind == folding::none);
  CHECK(folds<attention<heads<1, 1, 64>, test::distance_penalty>>::kind == folding::none);
}

TEST_CASE("what is left to the normalizer's exponent and what is not make the score") {
  using namespace bl;
  auto draw = test::generator();
  const auto biases = test::random_tensor<float>(draw, 1.0f, 1, 1, 1, 50);
  const host_view<const float, 2> keyed(biases.data.data(), 1, 50);
  check_folding(draw, attention<heads<1, 1, 64>>{}, 50);
  check_folding(draw, attention<heads<1, 1, 64>, score::scale>{score::scale{-0.3f}}, 50);
  check_folding(draw, attention<heads<1, 1, 32>, score::softcap>{score::softcap{3.0f}}, 50);
  check_folding(
      draw,
      attention<heads<1, 1, 32>, score::scale, score::softcap>{score::scale{0.4f}, score::softcap{9.0f}}, 50);
  check_folding(draw, attention<heads<1, 1, 64>, score::alibi<1>>{}, 50);
  check_folding(draw,
                attention<heads<1, 1, 64>, score::temperature, score::alibi<1, score::distance::symmetric>,
                          score::key_bias<>>{score::temperature{2.5f}, score::key_bias<>{keyed}},
                50);
}

TEST_CASE("data that does not fit its call is refused by name") {
  auto draw = test::generator();
  test::random_table table(draw, 1.0f, 9, 3);
  const auto refused = [&](const auto& spec, const char* name) {
    const test::attend_inputs in(draw, spec, {2, 3, 5}, 1.0f);
    auto out = test::poisoned_tensor<float>(2, 3, spec.heads().query, 16);
    CHECK_THROWS_WITH_AS(
        bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view()),
        doctest::Contains(name), bl::error);
  };
  using namespace bl;
  using four = heads<4, 2, 16>;
  const auto infinity = std::numeric_limits<float>::infinity();
  refused(attention<four, score::alibi<8>>{}, "score::alibi");
  refused(attention<four, score::t5_buckets<>>{score::t5_buckets<>{table.matrix()}}, "score::t5_buckets");
  refused(attention<heads<3, 1, 16>, score::t5_buckets<>>{score::t5_buckets<>{table.matrix(), 4}},
          "score::t5_buckets");
  using line = score::relative_bias<1>;
  refused(attention<four, line>{line{table.matrix(), {{5}}, {{5}}}}, "score::relative_bias");
  refused(attention<heads<3, 1, 16>, line>{line{table.matrix(), {{5}}, {{4}}}}, "score::relative_bias");
  refused(attention<heads<3, 1, 16>, line>{line{table.matrix(), {{0}}, {{5}}}}, "score::relative_bias");
  refused(attention<four, score::key_bias<>>{score::key_bias<>{table.matrix()}}, "score::key_bias");
  using terms = score::disentangled<>;
  const auto distances = [&](bl::index rows, bl::index of_heads, bl::index count) {
    return host_view<const float, 3>(table.values.data.data(), rows, of_heads, count);
  };
  for (const terms& wrong :
       {terms(distances(9, 4, 2), distances(10, 2, 2)), terms(distances(10, 2, 2), distances(10, 2, 2)),
        terms(distances(10, 4, 3), distances(10, 2, 3)), terms(distances(10, 4, 2), distances(10, 2, 4))})
    refused(attention<four, terms>{wrong}, "score::disentangled");
  using per_head = score::temperature_per_head<>;
  refused(attention<four, per_head>{per_head{table.vector()}}, "score::temperature_per_head");
  for (const float value : {0.0f, -1.0f, infinity, std::nanf("")})
    refused(attention<four, score::temperature>{score::temperature{value}}, "score::temperature");
  using clamped = score::clamped_distance<score::alibi<4>>;
  refused(attention<four, clamped>{clamped{{}, -1}}, "score::clamped_distance");
  using clamped_bias = score::clamped_distance<line>;
  refused(attention<four, clamped_bias>{clamped_bias{line{table.matrix(), {{5}}, {{5}}}, 3}},
          "score::relative_bias");
}
