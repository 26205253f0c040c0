// SPDX-License-Identifier: Apache-2.0

// What holds for every sampler, at the edges of its numbers: uniform numbers that stay inside (0, 1), equals
// of either sign, logits without a softmax, sizes that do not fit.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "byteloom/host/sample.hpp"
#include "support/random.hpp"
#include "support/samplers.hpp"

namespace bl = byteloom;
namespace sample = bl::sample;

namespace {

template <class Chain>
std::vector<bl::token> draw_rows(const Chain& how, const std::vector<float>& logits, bl::index rows,
                                 std::uint64_t seed, const std::vector<int>& positions) {
  std::vector<bl::token> result(static_cast<std::size_t>(rows), -7);
  bl::draw(bl::host::here(), how,
           bl::host_view<const float, 2>(logits.data(), rows, static_cast<bl::index>(logits.size()) / rows),
           seed, bl::host_view<const int, 1>(positions.data(), positions.size()),
           bl::host_view<bl::token, 1>(result.data(), rows));
  return result;
}

template <class Chain>
bl::token draw_one(const Chain& how, const std::vector<float>& logits, std::uint64_t seed, int position) {
  return draw_rows(how, logits, 1, seed, {position}).front();
}

/// A step of a user's own, with state: a token drawn lately is less likely.
struct repeat_penalty {
  using axis = bl::axis::sampler;
  bl::token last;
  float penalty;
  struct rule {
    bl::token last;
    float penalty;
    BYTELOOM_HD float operator()(bl::token id, float logit) const {
      return id == last ? logit - penalty : logit;
    }
  };
  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.transform(rule{last, penalty});
  }
  void validate() const {
    if (!(penalty >= 0)) throw bl::argument_error("repeat_penalty: give a penalty of 0 or more.");
  }
};

/// A step that asks for a count which may be none or less.
struct keep_count {
  using axis = bl::axis::sampler;
  int count;
  BYTELOOM_EITHER
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.keep_largest(count);
  }
};

constexpr float gone = -bl::math::infinity<float>;

}  // namespace

TEST_CASE("uniform numbers never reach 0 or 1, whatever the generator's word, and are exact where small") {
  // The words of these places are 2^32 - 71 and 2^32 - 253: rounded to float they would be 1.
  CHECK(sample::uniform(0, 230, 89651) < 1.0f);
  CHECK(sample::uniform(0, 30, 254792) < 1.0f);
  // The word of this place is 15.
  CHECK(static_cast<double>(sample::uniform(0, 188, 36533)) == 15.5 / 4294967296.0);
  float least = 1;
  float most = 0;
  for (std::uint64_t position = 0; position < 40; ++position)
    for (std::uint32_t lane = 0; lane < 300000; ++lane) {
      const float u = sample::uniform(0, position, lane);
      least = std::min(least, u);
      most = std::max(most, u);
    }
  CHECK(least > 0.0f);
  CHECK(most < 1.0f);
}

TEST_CASE("a rare token can win, an impossible one cannot") {
  // At seed 0 and position 188, token 36533 draws 19.44, more than all but one in 2.8e8 do.
  std::vector<float> logits(36534, gone);
  logits[0] = 0.0f;
  logits.back() = -18.0f;
  CHECK(draw_one(sample::chain<>{}, logits, 0, 188) == 36533);
  logits.back() = -60.0f;
  CHECK(draw_one(sample::chain<>{}, logits, 0, 188) == 0);
}

TEST_CASE("what a step makes of logits is looked at too") {
  for (const float by : {std::numeric_limits<float>::quiet_NaN(), 1e38f})
    CHECK(draw_one(sample::chain<test::scale_by>{test::scale_by{by}}, {1.0f, 12345.0f, 2.0f}, 1, 0) == -1);
}

TEST_CASE("uniform numbers are spread evenly") {
  // 64 bins, 63 degrees of freedom: 103.4 is passed by chance once in 1000; the seed is fixed.
  std::vector<int> bins(64);
  constexpr int draws = 200000;
  for (std::uint32_t lane = 0; lane < draws; ++lane)
    ++bins[static_cast<std::size_t>(sample::uniform(77, lane / 500, lane % 500) * 64)];
  double sum = 0;
  for (const int count : bins) sum += std::pow(count - draws / 64.0, 2) / (draws / 64.0);
  CHECK(sum < 103.4);
}

TEST_CASE("a float's ordered bits compare as the float, zeros of either sign as equals") {
  auto draw = test::generator();
  std::vector<float> values{0.0f,    -0.0f, INFINITY, -INFINITY, std::numeric_limits<float>::denorm_min(),
                            -1e-45f, 1.0f,  -1.0f,    3e38f,     -3e38f};
  for (int i = 0; i < 200; ++i) {
    const auto x = bl::bit_cast<float>(static_cast<std::uint32_t>(draw()));
    if (!std::isnan(x)) values.push_back(x);
  }
  for (const float a : values)
    for (const float b : values) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK((sample::ordered(a) < sample::ordered(b)) == (a < b));
      CHECK((sample::ordered(a) == sample::ordered(b)) == (a == b));
    }
}

TEST_CASE("zeros of either sign are equals, the lowest id first") {
  CHECK(draw_one(sample::chain<sample::greedy>{}, {-0.0f, 0.0f, -1.0f}, 1, 0) == 0);
  CHECK(draw_one(sample::chain<sample::greedy>{}, {-1.0f, 0.0f, -0.0f}, 1, 0) == 1);
}

TEST_CASE("logits that have no softmax give no token, by any sampler") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  test::for_each_sampler([&](const char* name, const auto& how) {
    CAPTURE(std::string(name));
    CHECK(draw_one(how, {0.0f, nan, 1.0f}, 1, 0) == -1);
    CHECK(draw_one(how, {0.0f, INFINITY, 1.0f}, 1, 0) == -1);
    CHECK(draw_one(how, {gone, gone, gone}, 1, 0) == -1);
  });
}

TEST_CASE("an empty vocabulary gives no token") {
  const float unused = 0;
  const int position = 0;
  test::for_each_sampler([&](const char* name, const auto& how) {
    CAPTURE(std::string(name));
    bl::token result = -7;
    bl::draw(bl::host::here(), how, bl::host_view<const float, 2>(&unused, 1, 0), 1,
             bl::host_view<const int, 1>(&position, 1), bl::host_view<bl::token, 1>(&result, 1));
    CHECK(result == -1);
  });
}

TEST_CASE("a step that keeps none leaves none") {
  for (const int count : {0, -1, std::numeric_limits<int>::min()})
    CHECK(draw_one(sample::chain<keep_count>{keep_count{count}}, {0.0f, 1.0f}, 1, 0) == -1);
}

TEST_CASE("a temperature that would overflow the logits is refused, the lowest allowed one is not") {
  const std::vector<float> logits{0.0f, 15.0f, 20.0f, 1.0f};
  using cold = sample::chain<sample::temperature>;
  for (const float value : {1e-45f, 1e-39f, 1e-38f, 9e-31f})
    CHECK_THROWS_AS(draw_one(cold{sample::temperature{value}}, logits, 1, 0), bl::argument_error);
  CHECK(draw_one(cold{sample::temperature{1e-30f}}, logits, 1, 0) == 2);
}

TEST_CASE("positions and results must have a place for each row") {
  const std::vector<float> logits(6);
  const std::vector<int> positions{0, 1, 2};
  std::vector<bl::token> out(3, -7);
  const auto call = [&](bl::index positions_given, bl::index places) {
    bl::draw(bl::host::here(), sample::chain<>{}, bl::host_view<const float, 2>(logits.data(), 3, 2), 1,
             bl::host_view<const int, 1>(positions.data(), positions_given),
             bl::host_view<bl::token, 1>(out.data(), places));
  };
  CHECK_THROWS_WITH_AS(call(2, 3),
                       "draw: 3 rows of logits came with 2 positions and room for 3 tokens; give one of each "
                       "a row.",
                       bl::shape_error);
  CHECK_THROWS_AS(call(3, 2), bl::shape_error);
  CHECK(out == std::vector<bl::token>(3, -7));
  CHECK_NOTHROW(call(3, 3));
}

TEST_CASE("rows are drawn each for itself, from rows with gaps between them too") {
  auto draw = test::generator();
  constexpr int rows = 6;
  constexpr int vocabulary = 40;
  constexpr int pitch = 53;
  std::vector<float> logits(rows * pitch, std::numeric_limits<float>::quiet_NaN());
  std::vector<int> positions;
  std::vector<bl::token> wanted;
  const sample::chain<sample::temperature, sample::top_p> how{sample::temperature{1.5f}, sample::top_p{0.9f}};
  for (int row = 0; row < rows; ++row) {
    const auto own = test::logits_of_kind(draw, row % test::logit_kinds, vocabulary);
    std::copy(own.begin(), own.end(), logits.begin() + row * pitch);
    positions.push_back(static_cast<int>(draw() % 1000));
    wanted.push_back(draw_one(how, own, 3, positions.back()));
  }
  bl::host_view<const float, 2> view(logits.data(), rows, vocabulary);
  view.stride[0] = pitch;
  std::vector<bl::token> found(rows, -7);
  bl::draw(bl::host::here(), how, view, 3, bl::host_view<const int, 1>(positions.data(), rows),
           bl::host_view<bl::token, 1>(found.data(), rows));
  CHECK(found == wanted);
}

TEST_CASE("steps act from left to right, and their states come in any order") {
  // Probabilities 0.5, 0.3, 0.2: top-p first keeps two of three, temperature first makes all three needed.
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  using sample::temperature;
  using sample::top_p;
  const auto drawn = [&](const auto& how) {
    std::vector<bool> seen(3);
    for (int position = 0; position < 2000; ++position)
      seen[static_cast<std::size_t>(draw_one(how, logits, 9, position))] = true;
    return seen;
  };
  const sample::chain<top_p, temperature> mass_first{top_p{0.75f}, temperature{8.0f}};
  const sample::chain<temperature, top_p> heat_first{top_p{0.75f}, temperature{8.0f}};
  CHECK(drawn(mass_first) == std::vector<bool>{true, true, false});
  CHECK(drawn(heat_first) == std::vector<bool>{true, true, true});
  const sample::chain<temperature, top_p> turned{temperature{8.0f}, top_p{0.75f}};
  for (int position = 0; position < 200; ++position)
    CHECK(draw_one(heat_first, logits, 9, position) == draw_one(turned, logits, 9, position));
}

TEST_CASE("draws after top-p, and after a user's step, have the probabilities of what is kept") {
  const auto chi_square = [](const auto& how, const std::vector<float>& logits,
                             const std::vector<double>& wanted, std::uint64_t seed) {
    constexpr int draws = 20000;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(draw_one(how, logits, seed, i))];
    double sum = 0;
    for (std::size_t id = 0; id < counts.size(); ++id) {
      if (wanted[id] == 0) CHECK(counts[id] == 0);
      if (wanted[id] > 0) sum += std::pow(counts[id] - wanted[id] * draws, 2) / (wanted[id] * draws);
    }
    return sum;
  };
  std::vector<float> logits;
  for (const float p : {0.05f, 0.4f, 0.15f, 0.3f, 0.1f}) logits.push_back(std::log(p));
  // 2 degrees of freedom: 13.8 is passed by chance once in 1000; 4: 18.5. The seeds are fixed.
  CHECK(chi_square(sample::chain<sample::top_p>{sample::top_p{0.8f}}, logits,
                   {0, 0.4 / 0.85, 0.15 / 0.85, 0.3 / 0.85, 0}, 21) < 13.8);
  const double half = 1 / (1 - 0.2);
  CHECK(chi_square(sample::chain<repeat_penalty>{repeat_penalty{1, std::log(2.0f)}}, logits,
                   {0.05 * half, 0.2 * half, 0.15 * half, 0.3 * half, 0.1 * half}, 22) < 18.5);
  CHECK_THROWS_WITH_AS(draw_one(sample::chain<repeat_penalty>{repeat_penalty{1, -1.0f}}, logits, 1, 0),
                       "repeat_penalty: give a penalty of 0 or more.", bl::argument_error);
}
