// SPDX-License-Identifier: Apache-2.0

// Attention over fp8_e4m3 with scales on the host, against the plain formula over the numbers that are meant;
// the laws of the policies of scales; and what rounding weights to e4m3 costs.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "byteloom/attend/copy_to.hpp"
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/normalizer/pointwise.hpp"
#include "byteloom/attend/normalizer/scalable_softmax.hpp"
#include "byteloom/attend/folding.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/attend/scales/unscaled.hpp"
#include "byteloom/attend/score/scale.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/host/attend_ragged.hpp"
#include "byteloom/position/rope.hpp"
#include "support/brute_force.hpp"
#include "support/e4m3.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using bl::fp8_e4m3;
using test::vector;

/// The reference and the host over codes and scales, held against `wanted`.
template <class Spec>
void check_against(const Spec& spec, const test::e4m3_inputs& in, const std::vector<double>& wanted) {
  const auto value_heads = in.v.extent[2];
  const auto group = spec.heads().query / spec.heads().key;
  auto exact = test::poisoned_tensor<double>(in.q.extent[0], in.q.extent[1], value_heads * group,
                                             spec.heads().value_size);
  auto found = test::poisoned_tensor<float>(in.q.extent[0], in.q.extent[1], value_heads * group,
                                            spec.heads().value_size);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), exact.view());
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), found.view());
  double difference = 0, size = 0;  // relative_error reads floats
  REQUIRE(exact.data.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    difference += (exact.data[i] - wanted[i]) * (exact.data[i] - wanted[i]);
    size += wanted[i] * wanted[i];
  }
  CHECK(std::sqrt(difference / size) < 1e-12);
  CHECK(test::relative_error(found.data, wanted) < 1e-5);
}

/// Every form of scales beside `policies`; `score` is the test's own formula.
template <class Heads, class... Policies>
void check_scales(std::mt19937_64& draw, test::attend_shape shape,
                  const std::function<double(double, int, int, int, int)>& score,
                  const Policies&... policies) {
  const bl::attention<Heads, Policies...> plain{policies...};
  const test::e4m3_inputs in(draw, plain, shape, 1.0f);
  const auto h = plain.heads();
  test::for_each_scales(
      draw, shape, h.query, h.key, h.key,
      [&]<class Scales>(const char* name, const Scales& scales, const auto& q, const auto& k, const auto& v) {
        CAPTURE(std::string(name));
        test::attend_inputs meant(draw, plain, shape, 1.0f);
        meant.q = test::dequantised(in.q, q);
        meant.k = test::dequantised(in.k, k);
        meant.v = test::dequantised(in.v, v);
        const bl::attention<Heads, Policies..., Scales> spec{policies..., scales};
        check_against(spec, in, test::brute_force(meant, {.score = score}));
      });
}

double root(int size) { return std::sqrt(static_cast<double>(size)); }

}  // namespace

TEST_CASE("codes times scales: attention is the formula over the numbers that are meant") {
  using namespace bl;
  auto draw = test::generator();
  check_scales<heads<4, 2, 32>>(draw, {2, 133, 300},
                                [](double dot, int, int, int, int) { return dot / root(32); });
  check_scales<heads<6, 2, 16, 48>>(
      draw, {2, 77, 133},
      [](double dot, int, int, int query, int key) { return key <= query ? dot / root(16) : test::unseen; },
      mask::causal{});
  check_scales<heads<2, 2, 16>>(
      draw, {1, 1, 259},
      [](double dot, int, int, int query, int key) {
        return key <= query && query - key < 200 ? 0.25 * dot : test::unseen;
      },
      mask::window<200>{}, mask::causal{}, score::scale{0.25f});
  check_scales<heads<2, 1, 16>>(
      draw, {1, 140, 150},
      [](double dot, int, int, int query, int key) {
        return key <= query ? 3.0 * std::tanh(dot / root(16) / 3.0) : test::unseen;
      },
      mask::causal{}, score::softcap{3.0f});
}

TEST_CASE("without scales codes are the numbers") {
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 32>, bl::mask::causal> spec;
  const test::e4m3_inputs in(draw, spec, {1, 20, 70}, 1.0f);
  test::attend_inputs meant(draw, spec, {1, 20, 70}, 1.0f);
  const auto one = [](int, int, int) { return 1.0f; };
  meant.q = test::dequantised(in.q, one);
  meant.k = test::dequantised(in.k, one);
  meant.v = test::dequantised(in.v, one);
  check_against(spec, in, test::brute_force(meant, {.score = [](double dot, int, int, int query, int key) {
                                              return key <= query ? dot / root(32) : test::unseen;
                                            }}));
}

TEST_CASE("scales go through turns and joined maps") {
  using namespace bl;
  auto draw = test::generator();
  const test::attend_shape shape{2, 130, 140};
  using difference = maps::difference<>;
  const attention<heads<4, 2, 16>, position::rope<>, mask::causal, difference> plain{difference{0.4f}};
  const test::e4m3_inputs in(draw, plain, shape, 1.0f);
  test::for_each_scales(
      draw, shape, 4, 2, 1,
      [&]<class Scales>(const char* name, const Scales& scales, const auto& q, const auto& k, const auto& v) {
        CAPTURE(std::string(name));
        // The plain composition over the numbers that are meant, which are floats.
        const auto meant_q = test::dequantised(in.q, q);
        const auto meant_k = test::dequantised(in.k, k);
        const auto meant_v = test::dequantised(in.v, v);
        auto wanted = test::poisoned_tensor<double>(2, 130, 2, 16);
        reference::attend(plain, meant_q.view(), meant_k.view(), meant_v.view(), wanted.view());
        const attention<heads<4, 2, 16>, position::rope<>, mask::causal, difference, Scales> spec{
            difference{0.4f}, scales};
        check_against(spec, in, wanted.data);
      });
}

TEST_CASE("ragged sequences have scales by their numbers") {
  using namespace bl;
  auto draw = test::generator();
  const std::vector<int> offsets{0, 130, 330};
  const auto view = host_view<const int, 1>(offsets.data(), 3);
  const ragged<memory::host> sequences(view, 200);
  const attention<heads<2, 1, 16>, mask::causal> plain;
  const test::e4m3_inputs in(draw, plain, {1, 330, 330}, 1.0f);
  test::for_each_scales(
      draw, {2, 200, 200}, 2, 1, 1,
      [&]<class Scales>(const char* name, const Scales& scales, const auto&, const auto&, const auto&) {
        CAPTURE(std::string(name));
        const attention<heads<2, 1, 16>, mask::causal, Scales> spec{scales};
        auto found = test::poisoned_tensor<float>(1, 330, 2, 16);
        const auto rows = [](const auto& x) {
          using value = typename std::remove_cvref_t<decltype(x)>::value_type;
          return host_view<value, 3>(x.data, x.extent[1], x.extent[2], x.extent[3]);
        };
        attend(host::here(), spec, rows(in.q.view()), rows(in.k.view()), rows(in.v.view()), sequences,
               rows(found.view()));
        // The second sequence as the only one, with what the policy says of sequence 1.
        auto alone = test::poisoned_tensor<double>(1, 200, 2, 16);
        const auto part = [](auto x) {
          x.data += 130 * x.stride[1];
          x.extent[1] = 200;
          return x;
        };
        const auto second = [&] {
          if constexpr (byteloom::detail::holds_views<Scales>) {
            return scales.template with_views<memory::host>([](auto x) {
              x.data += x.stride[0];
              x.extent[0] = 1;
              return x;
            });
          } else {
            return scales;
          }
        }();
        const attention<heads<2, 1, 16>, mask::causal, Scales> own{second};
        reference::attend(own, part(in.q.view()), part(in.k.view()), part(in.v.view()), alone.view());
        CHECK(test::relative_error(std::vector<float>(found.data.begin() + 130 * 32, found.data.end()),
                                   alone.data) < 1e-5);
      });
}

TEST_CASE("scales that mean nothing or do not fit a call are refused") {
  using namespace bl;
  const float infinite = std::numeric_limits<float>::infinity();
  const float none = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS((scales::per_tensor{1.0f, -1.0f, 1.0f}).validate(), argument_error);
  CHECK_THROWS_AS((scales::per_tensor{infinite, 1.0f, 1.0f}).validate(), argument_error);
  CHECK_THROWS_AS((scales::per_tensor{1.0f, 1.0f, none}).validate(), argument_error);
  CHECK_NOTHROW((scales::per_tensor{1.0f, 0.0f, 1.0f}).validate());
  const std::vector<float> ones(64, 1.0f);
  const auto plane = [&](bl::index a, bl::index b) { return host_view<const float, 2>(ones.data(), a, b); };
  const auto table = [&](bl::index a, bl::index b, bl::index c) {
    return host_view<const float, 3>(ones.data(), a, b, c);
  };
  call_extents call{2, 130, 257, 4, 2, 16};
  CHECK_NOTHROW(scales::per_head<>(plane(2, 4), plane(2, 2), plane(2, 2)).fits(call));
  CHECK_THROWS_AS(scales::per_head<>(plane(2, 4), plane(2, 4), plane(2, 2)).fits(call), shape_error);
  CHECK_THROWS_AS(scales::per_head<>(plane(1, 4), plane(2, 2), plane(2, 2)).fits(call), shape_error);
  CHECK_NOTHROW(scales::per_block<>(table(2, 4, 2), table(2, 2, 3), table(2, 2, 3)).fits(call));
  CHECK_THROWS_AS(scales::per_block<>(table(2, 4, 1), table(2, 2, 3), table(2, 2, 3)).fits(call),
                  shape_error);
  CHECK_THROWS_AS(scales::per_block<>(table(2, 4, 2), table(2, 2, 3), table(2, 2, 2)).fits(call),
                  shape_error);
  call.output_heads = 2;  // two maps share a value
  CHECK_NOTHROW(scales::per_head<>(plane(2, 4), plane(2, 2), plane(2, 1)).fits(call));
  CHECK_THROWS_AS(scales::per_head<>(plane(2, 4), plane(2, 2), plane(2, 2)).fits(call), shape_error);
}

TEST_CASE("an attention apart from its scales keeps all else") {
  using namespace bl;
  const attention<heads<2, 1, 16>, score::scale, scales::per_tensor, mask::window<>> spec{
      score::scale{0.5f}, scales::per_tensor{2.0f, 3.0f, 4.0f}, mask::window<>{{17}}};
  const auto rest = byteloom::detail::unscaled(spec);
  static_assert(
      std::is_same_v<decltype(rest), const attention<heads<2, 1, 16>, score::scale, mask::window<>>>);
  CHECK(rest.get<1>().factor == 0.5f);
  CHECK_FALSE(rest.keep({0, 0, 0, 40, 20, 50, 50}));
  CHECK(rest.keep({0, 0, 0, 40, 30, 50, 50}));
  CHECK(byteloom::detail::score_folding(rest).unit() == 0.5f);
  const site at{0, 0, 0, 40, 30, 50, 50};
  CHECK(rest.score(1.0, at) == 0.5);
  CHECK(spec.score(1.0, at) == 3.0);  // 2 * 3 / 2
  CHECK(byteloom::detail::scales_of(spec).v == 4.0f);
  const attention<heads<2, 1, 16>> plain;
  static_assert(std::is_same_v<decltype(byteloom::detail::unscaled(plain)), attention<heads<2, 1, 16>>>);
}

TEST_CASE("copies of scales mean the same") {
  using namespace bl;
  auto draw = test::generator();
  const attention<heads<4, 2, 16>, mask::causal> plain;
  const test::e4m3_inputs in(draw, plain, {2, 130, 150}, 1.0f);
  test::for_each_scales(
      draw, {2, 130, 150}, 4, 2, 2,
      [&]<class Scales>(const char* name, const Scales& scales, const auto&, const auto&, const auto&) {
        CAPTURE(std::string(name));
        const attention<heads<4, 2, 16>, mask::causal, Scales> spec{scales};
        auto first = test::poisoned_tensor<float>(2, 130, 4, 16);
        auto second = first;
        attend(host::here(), spec, in.q.view(), in.k.view(), in.v.view(), first.view());
        const auto moved = copy_to(host::here(), spec);
        attend(host::here(), moved.spec(), in.q.view(), in.k.view(), in.v.view(), second.view());
        CHECK(first.data == second.data);
      });
}

TEST_CASE("normalizers that say their weights end at 1 keep to it, lifted ones times a power of two") {
  using namespace bl;
  static_assert(byteloom::detail::at_most_one<normalizer::softmax>);
  static_assert(byteloom::detail::at_most_one<normalizer::scalable_softmax>);
  static_assert(byteloom::detail::lifts_weights<normalizer::softmax>);
  static_assert(!byteloom::detail::at_most_one<normalizer::pointwise>);
  auto draw = test::generator();
  std::normal_distribution<double> normal(0.0, 4.0);
  const normalizer::softmax softmax;
  normalizer::softmax::state<double> state;
  std::vector<double> scores(100);
  double largest = -std::numeric_limits<double>::infinity();
  for (double& x : scores) {
    x = normal(draw);
    largest = std::max(largest, x);
  }
  softmax.raise(state, largest, 0.3);
  for (const double x : scores) {
    CHECK(softmax.weight(state, x, 0.3) <= 1.0);
    CHECK(softmax.weight(state, x, 0.3, 8.0) == doctest::Approx(256 * softmax.weight(state, x, 0.3)));
  }
  CHECK(softmax.weight(state, -std::numeric_limits<double>::infinity(), 0.3, 8.0) == 0.0);
}

TEST_CASE("rounding weights to e4m3 costs what the device's tests allow") {
  auto draw = test::generator();
  double worst = 0;
  for (const auto& [queries, keys, spread] :
       {std::tuple{1, 77, 1.0f}, {1, 1000, 1.0f}, {77, 133, 1.0f}, {133, 1000, 1.0f}, {133, 300, 6.0f}}) {
    const bl::attention<bl::heads<4, 2, 128>> spec;
    const test::e4m3_inputs in(draw, spec, {2, queries, keys}, spread);
    std::vector<double> wanted;
    std::vector<float> rounded;
    for (int b = 0; b < 2; ++b)
      for (int row = 0; row < queries; ++row)
        for (int head = 0; head < 4; ++head) {
          vector scores;
          double largest = -std::numeric_limits<double>::infinity();
          for (int key = 0; key < keys; ++key) {
            double dot = 0;
            for (int i = 0; i < 128; ++i)
              dot += static_cast<double>(static_cast<float>(in.q.view()(b, row, head, i))) *
                     static_cast<double>(static_cast<float>(in.k.view()(b, key, head / 2, i)));
            scores.push_back(dot / root(128));
            largest = std::max(largest, scores.back());
          }
          double sum = 0;
          vector exact(128), coarse(128);
          for (int key = 0; key < keys; ++key) {
            const double weight = std::exp(scores[static_cast<std::size_t>(key)] - largest);
            const double lifted =
                static_cast<double>(static_cast<float>(fp8_e4m3(static_cast<float>(256 * weight))));
            sum += weight;
            for (std::size_t i = 0; i < 128; ++i) {
              const double value = static_cast<double>(static_cast<float>(in.v.view()(b, key, head / 2, i)));
              exact[i] += weight * value;
              coarse[i] += lifted / 256 * value;
            }
          }
          for (std::size_t i = 0; i < 128; ++i) {
            wanted.push_back(exact[i] / sum);
            rounded.push_back(static_cast<float>(coarse[i] / sum));
          }
        }
    const double error = test::relative_error(rounded, wanted);
    MESSAGE(queries << " queries, " << keys << " keys: " << error);
    worst = std::max(worst, error);
  }
  CHECK(worst < test::e4m3_bound);
  CHECK(worst > test::e4m3_bound / 2);  // the bound says something
}
