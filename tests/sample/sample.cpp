// SPDX-License-Identifier: Apache-2.0

// Drawing tokens on the host: who is kept, how often each is drawn, and what is refused.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "byteloom/host/sample.hpp"
#include "support/random.hpp"
#include "support/samplers.hpp"

namespace bl = byteloom;
namespace sample = bl::sample;

namespace {

template <class Chain>
bl::token draw_one(const Chain& how, const std::vector<float>& logits, std::uint64_t seed, int position) {
  bl::token result = -7;
  bl::draw(bl::host::here(), how, bl::host_view<const float, 2>(logits.data(), 1, logits.size()), seed,
           bl::host_view<const int, 1>(&position, 1), bl::host_view<bl::token, 1>(&result, 1));
  return result;
}

std::vector<double> softmax(const std::vector<float>& logits) {
  std::vector<double> result;
  const double largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  for (float x : logits) result.push_back(std::exp(static_cast<double>(x) - largest));
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& p : result) p /= sum;
  return result;
}

/// Pearson's statistic of `draws` draws against probabilities.
template <class Chain>
double chi_square(const Chain& how, const std::vector<float>& logits, const std::vector<double>& wanted,
                  int draws, std::uint64_t seed) {
  std::vector<int> counts(logits.size());
  for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(draw_one(how, logits, seed, i))];
  double sum = 0;
  for (std::size_t id = 0; id < counts.size(); ++id) {
    if (wanted[id] == 0) {
      CHECK(counts[id] == 0);
      continue;
    }
    const double expected = wanted[id] * draws;
    sum += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("Philox gives the published numbers") {
  // Random123's known answers for philox4x32-10.
  const auto zero = sample::philox({{0, 0, 0, 0}}, 0, 0);
  CHECK(zero.word[0] == 0x6627e8d5u);
  CHECK(zero.word[1] == 0xe169c58du);
  CHECK(zero.word[2] == 0xbc57ac4cu);
  CHECK(zero.word[3] == 0x9b00dbd8u);
  const std::uint32_t ones = 0xffffffffu;
  const auto full = sample::philox({{ones, ones, ones, ones}}, ones, ones);
  CHECK(full.word[0] == 0x408f276du);
  CHECK(full.word[1] == 0x41c83b0eu);
  CHECK(full.word[2] == 0xa20bc7c6u);
  CHECK(full.word[3] == 0x6d5451fdu);
  const auto pi =
      sample::philox({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0xa4093822u, 0x299f31d0u);
  CHECK(pi.word[0] == 0xd16cfe09u);
  CHECK(pi.word[1] == 0x94fdccebu);
  CHECK(pi.word[2] == 0x5001e420u);
  CHECK(pi.word[3] == 0x24126ea1u);
}

TEST_CASE("uniform numbers lie inside (0, 1) and differ by seed, position and lane") {
  std::set<float> seen;
  double sum = 0;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 40})
    for (std::uint64_t position = 0; position < 20; ++position)
      for (std::uint32_t lane = 0; lane < 20; ++lane) {
        const float u = sample::uniform(seed, position, lane);
        CHECK(u > 0.0f);
        CHECK(u < 1.0f);
        seen.insert(u);
        sum += static_cast<double>(u);
      }
  CHECK(seen.size() > 1190);
  CHECK(std::abs(sum / 1200 - 0.5) < 0.05);
}

TEST_CASE("draws have softmax's probabilities") {
  const std::vector<float> logits{0.0f, 1.0f, -1.0f, 2.0f, 0.5f, -3.0f};
  // 5 degrees of freedom: 20.5 is passed by chance once in 1000; the seeds are fixed.
  CHECK(chi_square(sample::chain<>{}, logits, softmax(logits), 20000, 11) < 20.5);
  std::vector<float> cold = logits;
  for (float& x : cold) x /= 0.5f;
  CHECK(chi_square(sample::chain<sample::temperature>{sample::temperature{0.5f}}, logits, softmax(cold),
                   20000, 12) < 20.5);
  std::vector<float> three{-INFINITY, 1.0f, -INFINITY, 2.0f, 0.5f, -INFINITY};
  CHECK(chi_square(sample::chain<sample::top_k>{sample::top_k{3}}, logits, softmax(three), 20000, 13) < 20.5);
}

TEST_CASE("top-k keeps the k largest, equals by id") {
  auto draw = test::generator();
  for (int kind = 0; kind < test::logit_kinds; ++kind)
    for (const int count : {1, 2, 7, 60, 100}) {
      const auto logits = test::logits_of_kind(draw, kind, 60);
      bl::host::detail::candidates candidates(logits);
      candidates.keep_largest(count);
      std::vector<std::size_t> order(60);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
      for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const float left = candidates.logits()[order[rank]];
        if (rank < static_cast<std::size_t>(count)) {
          CHECK(left == logits[order[rank]]);
        } else {
          CHECK(left == -INFINITY);
        }
      }
    }
}

TEST_CASE("top-p keeps the fewest that reach the mass, at least one") {
  auto draw = test::generator();
  for (int kind = 0; kind < test::logit_kinds; ++kind)
    for (const float mass : {1e-6f, 0.3f, 0.9f, 1.0f}) {
      const auto logits = test::logits_of_kind(draw, kind, 60);
      const auto probabilities = softmax(logits);
      bl::host::detail::candidates candidates(logits);
      candidates.keep_mass(mass);
      double kept = 0;
      double least = 1;
      int count = 0;
      for (std::size_t id = 0; id < 60; ++id)
        if (candidates.logits()[id] > -INFINITY) {
          kept += probabilities[id];
          least = std::min(least, probabilities[id]);
          ++count;
        }
      CHECK(count >= 1);
      CHECK(kept >= static_cast<double>(mass) - 1e-9);
      if (count > 1) CHECK(kept - least < static_cast<double>(mass));
      for (std::size_t id = 0; id < 60; ++id)
        if (!(candidates.logits()[id] > -INFINITY)) CHECK(probabilities[id] <= least);
    }
}

TEST_CASE("greedy takes the largest, the first of equals") {
  CHECK(draw_one(sample::chain<sample::greedy>{}, {1.0f, 3.0f, 2.0f, 3.0f}, 1, 0) == 1);
  CHECK(draw_one(sample::chain<sample::greedy>{}, {5.0f}, 1, 0) == 0);
}

TEST_CASE("every sampler draws a candidate that exists, and the same one again") {
  auto draw = test::generator();
  test::for_each_sampler([&](const char* name, const auto& how) {
    CAPTURE(std::string(name));
    for (int kind = 0; kind < test::logit_kinds; ++kind) {
      auto logits = test::logits_of_kind(draw, kind, 258);
      logits[0] = 0.5f;  // an even candidate for the user's step
      const bl::token first = draw_one(how, logits, 5, kind);
      CHECK(first >= 0);
      CHECK(logits[static_cast<std::size_t>(first)] > -INFINITY);
      CHECK(first == draw_one(how, logits, 5, kind));
      if (std::string_view(name) == "a user's step") CHECK(first % 2 == 0);
    }
  });
}

TEST_CASE("NaN, and no candidate at all, give no token") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(draw_one(sample::chain<>{}, {0.0f, nan, 1.0f}, 1, 0) == -1);
  CHECK(draw_one(sample::chain<sample::greedy>{}, {nan}, 1, 0) == -1);
  CHECK(draw_one(sample::chain<>{}, {-INFINITY, -INFINITY}, 1, 0) == -1);
}

TEST_CASE("settings that mean nothing are refused by name") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits{0.0f, 1.0f};
  for (const float value : {0.0f, -1.0f, nan, INFINITY, -INFINITY})
    CHECK_THROWS_AS(draw_one(sample::chain<sample::temperature>{sample::temperature{value}}, logits, 1, 0),
                    bl::argument_error);
  for (const float mass : {0.0f, -0.5f, 1.5f, nan})
    CHECK_THROWS_AS(draw_one(sample::chain<sample::top_p>{sample::top_p{mass}}, logits, 1, 0),
                    bl::argument_error);
  for (const int count : {0, -3})
    CHECK_THROWS_AS(draw_one(sample::chain<sample::top_k>{sample::top_k{count}}, logits, 1, 0),
                    bl::argument_error);
  CHECK_THROWS_WITH_AS(draw_one(sample::chain<sample::top_k>{sample::top_k{0}}, logits, 1, 0),
                       "sample::top_k: 0 tokens cannot be kept; give 1 or more.", bl::argument_error);
}
