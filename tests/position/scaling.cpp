// SPDX-License-Identifier: Apache-2.0

// The rotations of the position policies against their papers' formulas.

#include "byteloom/position/scaling.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "byteloom/position/at_ids.hpp"
#include "byteloom/position/axial.hpp"
#include "byteloom/position/partial.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/sinusoidal.hpp"
#include "byteloom/position/xpos.hpp"
#include "support/random.hpp"

namespace bl = byteloom;
namespace scaling = bl::position::scaling;

namespace {

constexpr auto half_split = bl::position::pairing::half_split;
constexpr auto interleaved = bl::position::pairing::interleaved;

/// Checks that pair `pair` turns by `frequency` a position and is multiplied by `magnitude`.
template <class Rope>
void check_frequency(const Rope& rope, int pair, int size, double frequency, double magnitude = 1) {
  for (const bl::index place : {0, 1, 13, 4000, 100000}) {
    const long double angle = static_cast<long double>(place) * static_cast<long double>(frequency);
    const auto turn = rope.template at<double>(place, pair, size);
    CHECK(std::abs(turn.cosine - magnitude * static_cast<double>(std::cos(angle))) < 1e-8);
    CHECK(std::abs(turn.sine - magnitude * static_cast<double>(std::sin(angle))) < 1e-8);
    const auto single = rope.template at<float>(place, pair, size);
    CHECK(std::abs(static_cast<double>(single.cosine) - turn.cosine) < 2e-6);
    CHECK(std::abs(static_cast<double>(single.sine) - turn.sine) < 2e-6);
  }
}

template <class Position>
void check_pairs_cover(const Position& position, int size) {
  std::vector<int> seen(static_cast<std::size_t>(size));
  for (int pair = 0; pair < size / 2; ++pair) {
    ++seen.at(static_cast<std::size_t>(position.first_of(pair, size)));
    ++seen.at(static_cast<std::size_t>(position.second_of(pair, size)));
  }
  for (int count : seen) CHECK(count == 1);
}

template <class Position>
std::vector<double> turned(const Position& position, bool is_query, std::vector<double> x,
                           bl::position::spot where) {
  const int size = static_cast<int>(x.size());
  std::vector<double> result(x.size());
  for (int pair = 0; pair < size / 2; ++pair) {
    const auto a = static_cast<std::size_t>(position.first_of(pair, size));
    const auto b = static_cast<std::size_t>(position.second_of(pair, size));
    const auto turn = is_query ? bl::position::turn_query<double>(position, where, pair, size)
                               : bl::position::turn_key<double>(position, where, pair, size);
    result[a] = turn.first(x[a], x[b]);
    result[b] = turn.second(x[a], x[b]);
  }
  return result;
}

std::vector<double> random_vector(std::mt19937_64& draw, int size) {
  std::normal_distribution<double> normal;
  std::vector<double> result(static_cast<std::size_t>(size));
  for (auto& x : result) x = normal(draw);
  return result;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("linear scaling divides positions") {
  const bl::position::rope<half_split, scaling::linear> rope{10000.0, scaling::linear{4.0}};
  for (int pair = 0; pair < 32; ++pair)
    check_frequency(rope, pair, 64, std::pow(10000.0, -2.0 * pair / 64) / 4);
}

TEST_CASE("ntk scaling keeps the highest frequency and divides the lowest by the factor") {
  const bl::position::rope<half_split, scaling::ntk> rope{10000.0, scaling::ntk{8.0}};
  const double base = 10000.0 * std::pow(8.0, 64.0 / 62.0);
  for (int pair = 0; pair < 32; ++pair) check_frequency(rope, pair, 64, std::pow(base, -2.0 * pair / 64));
  check_frequency(rope, 31, 64, std::pow(10000.0, -62.0 / 64) / 8);
  check_frequency(rope, 0, 2, 1.0);
}

TEST_CASE("scaling by parts is Llama 3.1's") {
  const double factor = 8, length = 8192, low = 1, high = 4;
  const bl::position::rope<half_split, scaling::by_parts> rope{500000.0, scaling::by_parts{factor, length}};
  int kept = 0, divided = 0, mixed = 0;
  for (int pair = 0; pair < 64; ++pair) {
    const double plain = std::pow(500000.0, -2.0 * pair / 128);
    const double wave_length = 2 * std::numbers::pi / plain;
    double frequency = plain;
    if (wave_length > length / low) {
      frequency = plain / factor;
      ++divided;
    } else if (wave_length >= length / high) {
      const double smooth = (length / wave_length - low) / (high - low);
      frequency = (1 - smooth) * plain / factor + smooth * plain;
      ++mixed;
    } else {
      ++kept;
    }
    check_frequency(rope, pair, 128, frequency);
  }
  CHECK(kept > 0);
  CHECK(divided > 0);
  CHECK(mixed > 0);
}

TEST_CASE("yarn is the published code's, with its attention factor on queries and keys") {
  const double factor = 16, length = 4096, base = 10000;
  const int size = 128;
  const bl::position::rope<half_split, scaling::yarn> rope{base, scaling::yarn{factor, length}};
  const auto correction = [&](double turns) {
    return size * std::log(length / (turns * 2 * std::numbers::pi)) / (2 * std::log(base));
  };
  const double low = std::max(std::floor(correction(32)), 0.0);
  const double high = std::min(std::ceil(correction(1)), size - 1.0);
  int mixed = 0;
  for (int pair = 0; pair < size / 2; ++pair) {
    const double plain = 1 / std::pow(base, 2.0 * pair / size);
    const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
    mixed += ramp > 0 && ramp < 1 ? 1 : 0;
    const double mask = 1 - ramp;
    check_frequency(rope, pair, size, plain / factor * (1 - mask) + plain * mask, 0.1 * std::log(factor) + 1);
  }
  CHECK(mixed > 5);
  const bl::position::rope<half_split, scaling::yarn> given{base, scaling::yarn{factor, length, 32, 1, 1.25}};
  check_frequency(given, 0, size, 1.0, 1.25);
  const bl::position::rope<half_split, scaling::yarn> shorter{base, scaling::yarn{0.5, length}};
  CHECK(shorter.at<double>(0, 0, size).cosine == 1.0);
}

TEST_CASE("scalings that mean nothing are refused") {
  for (const double wrong : {0.0, -2.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_WITH_AS(scaling::linear{wrong}, doctest::Contains("scaling::linear"), bl::argument_error);
    CHECK_THROWS_WITH_AS(scaling::ntk{wrong}, doctest::Contains("scaling::ntk"), bl::argument_error);
    CHECK_THROWS_AS((scaling::by_parts{wrong, 8192}), bl::argument_error);
    CHECK_THROWS_AS((scaling::by_parts{8, wrong}), bl::argument_error);
    CHECK_THROWS_AS((scaling::yarn{wrong, 4096}), bl::argument_error);
    CHECK_THROWS_AS((scaling::yarn{8, wrong}), bl::argument_error);
    CHECK_THROWS_AS((scaling::yarn{8, 4096, wrong}), bl::argument_error);
    CHECK_THROWS_AS((bl::position::xpos<>{wrong}), bl::argument_error);
    CHECK_THROWS_AS((bl::position::xpos<>{512, wrong}), bl::argument_error);
  }
  CHECK_THROWS_AS((scaling::by_parts{8, 8192, 4, 1}), bl::argument_error);
}

TEST_CASE("pairs of every policy cover every dimension once") {
  check_pairs_cover(bl::position::partial<8>{}, 32);
  check_pairs_cover(bl::position::partial<32, bl::position::rope<interleaved>>{}, 32);
  check_pairs_cover(bl::position::partial<>{12}, 30);
  for (const int size : {16, 32, 64, 128}) {
    check_pairs_cover(bl::position::axial<2>{{{5, 7}}}, size);
    check_pairs_cover(bl::position::axial<3>{{{2, 5, 7}}}, size);
    check_pairs_cover(bl::position::axial<2, bl::position::rope<interleaved>>{{{5, 7}}}, size);
    check_pairs_cover(bl::position::xpos<>{}, size);
  }
}

TEST_CASE("a partial rope turns the first dimensions as a smaller head, and leaves the rest") {
  auto draw = test::generator();
  const auto x = random_vector(draw, 48);
  const bl::position::spot where{0, 77, 100};
  const auto whole = turned(bl::position::partial<16>{}, true, x, where);
  const auto part = turned(bl::position::rope<>{}, true, {x.begin(), x.begin() + 16}, where);
  for (std::size_t i = 0; i < 48; ++i) CHECK(whole[i] == (i < 16 ? part[i] : x[i]));
}

TEST_CASE("axial rope turns each part of a head by its own coordinate") {
  auto draw = test::generator();
  const bl::position::axial<2, bl::position::rope<interleaved>> image{{{4, 6}},
                                                                      bl::position::rope<interleaved>{100.0}};
  const auto x = random_vector(draw, 32);
  for (int token = 0; token < 24; ++token) {
    const auto found = turned(image, false, x, {0, token, 24});
    for (std::size_t pair = 0; pair < 16; ++pair) {
      const int coordinate = pair < 8 ? token / 6 : token % 6;
      const double angle = coordinate * std::pow(100.0, -2.0 * static_cast<double>(pair % 8) / 16);
      const double a = x[2 * pair], b = x[2 * pair + 1];
      CHECK(found[2 * pair] == doctest::Approx(a * std::cos(angle) - b * std::sin(angle)));
      CHECK(found[2 * pair + 1] == doctest::Approx(a * std::sin(angle) + b * std::cos(angle)));
    }
  }
}

TEST_CASE("a dot product after axial rope depends on the offset along each axis alone") {
  auto draw = test::generator();
  const bl::position::axial<3> video{{{4, 6, 8}}};
  const auto q = random_vector(draw, 32), k = random_vector(draw, 32);
  const auto product = [&](int qt, int qy, int qx, int kt, int ky, int kx) {
    return dot(turned(video, true, q, {0, (qt * 6 + qy) * 8 + qx, 192}),
               turned(video, false, k, {0, (kt * 6 + ky) * 8 + kx, 192}));
  };
  CHECK(product(1, 2, 3, 0, 4, 1) == doctest::Approx(product(3, 3, 7, 2, 5, 5)).epsilon(1e-9));
  CHECK(product(1, 2, 3, 0, 4, 1) != doctest::Approx(product(2, 3, 7, 2, 5, 5)).epsilon(1e-6));
  CHECK(product(1, 2, 3, 0, 4, 1) != doctest::Approx(product(3, 2, 7, 2, 5, 5)).epsilon(1e-6));
  CHECK(product(1, 2, 3, 0, 4, 1) != doctest::Approx(product(3, 3, 6, 2, 5, 5)).epsilon(1e-6));
}

TEST_CASE("positions that are given replace the places, per sequence") {
  auto draw = test::generator();
  const std::vector<int> ids{0, 1, 2, 0, 1, 9, 8, 7, 6, 5};
  const bl::position::at_ids<> given{bl::host_view<const int, 2>(ids.data(), 2, 5)};
  const auto x = random_vector(draw, 16);
  for (int batch = 0; batch < 2; ++batch)
    for (int place = 0; place < 5; ++place) {
      const int id = ids[static_cast<std::size_t>(batch * 5 + place)];
      CHECK(turned(given, true, x, {batch, place, 5}) == turned(bl::position::rope<>{}, true, x, {0, id, 5}));
      CHECK(turned(given, false, x, {batch, place, 5}) ==
            turned(bl::position::rope<>{}, false, x, {0, id, 5}));
    }
}

TEST_CASE("a dot product after xpos decays by zeta over the distance, wherever the centre is") {
  auto draw = test::generator();
  const int size = 16;
  const auto q = random_vector(draw, size), k = random_vector(draw, size);
  const double base = 40;
  const auto wanted = [&](int n, int m) {
    double sum = 0;
    for (int c = 0; c < size / 2; ++c) {
      const auto a = static_cast<std::size_t>(2 * c);
      const double theta = std::pow(10000.0, -static_cast<double>(c) / (size / 2));
      const double zeta = (2.0 * c / size + 0.4) / 1.4;
      // Re(q k* e^{i (n - m) theta}), with pairs read as complex numbers
      const double angle = (n - m) * theta;
      const double real = q[a] * k[a] + q[a + 1] * k[a + 1], imaginary = q[a + 1] * k[a] - q[a] * k[a + 1];
      sum += (real * std::cos(angle) - imaginary * std::sin(angle)) * std::pow(zeta, (n - m) / base);
    }
    return sum;
  };
  const bl::position::xpos<> fixed{base};
  const bl::position::xpos<> elsewhere{base, 0.4, 10000.0, 300};
  const bl::position::xpos<interleaved, bl::position::xpos_centre::half_length> middle{base};
  const auto found = [&](const auto& xpos, int n, int m) {
    return dot(turned(xpos, true, q, {0, n, 701}), turned(xpos, false, k, {0, m, 701}));
  };
  for (const int n : {0, 3, 350, 700})
    for (const int m : {0, 3, 340, 700}) {
      CHECK(found(fixed, n, m) == doctest::Approx(wanted(n, m)).epsilon(1e-9));
      CHECK(found(elsewhere, n, m) == doctest::Approx(wanted(n, m)).epsilon(1e-9));
      CHECK(found(middle, n, m) == doctest::Approx(wanted(n, m)).epsilon(1e-9));
    }
  // about half the length, both factors stay as near to 1 as they can
  const auto first = bl::position::turn_key<double>(middle, {0, 0, 701}, 0, size);
  const auto last = bl::position::turn_key<double>(middle, {0, 700, 701}, 0, size);
  const double zeta = 0.4 / 1.4;
  CHECK(std::hypot(first.cosine, first.sine) == doctest::Approx(std::pow(zeta, 351 / base)));
  CHECK(std::hypot(last.cosine, last.sine) == doctest::Approx(std::pow(zeta, -349 / base)));
  CHECK(bl::position::turns_by_length<decltype(middle)>);
  CHECK_FALSE(bl::position::turns_by_length<decltype(fixed)>);
  CHECK(bl::position::turns_by_length<
        bl::position::partial<8, bl::position::xpos<half_split, bl::position::xpos_centre::half_length>>>);
}

TEST_CASE("sinusoidal positions are the published ones, side by side or in halves") {
  const int width = 20;
  std::vector<float> paper(7 * 20), halves(7 * 20);
  bl::position::fill_sinusoidal(bl::host_view<float, 2>(paper.data(), 7, width));
  bl::position::fill_sinusoidal<half_split>(bl::host_view<float, 2>(halves.data(), 7, width));
  for (int place = 0; place < 7; ++place)
    for (int i = 0; i < width / 2; ++i) {
      const double angle = place / std::pow(10000.0, 2.0 * i / width);
      const auto* own = paper.data() + place * width;
      const auto* split = halves.data() + place * width;
      CHECK(static_cast<double>(own[2 * i]) == doctest::Approx(std::sin(angle)).epsilon(1e-5));
      CHECK(static_cast<double>(own[2 * i + 1]) == doctest::Approx(std::cos(angle)).epsilon(1e-5));
      CHECK(static_cast<double>(split[i]) == doctest::Approx(std::sin(angle)).epsilon(1e-5));
      CHECK(static_cast<double>(split[i + width / 2]) == doctest::Approx(std::cos(angle)).epsilon(1e-5));
    }
}
