// SPDX-License-Identifier: Apache-2.0

// Position policies inside attention.

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/host/prepare.hpp"
#include "byteloom/position/sinusoidal.hpp"
#include "support/agreement.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

/// A user's position policy: queries at an odd distance from the sequence's end are turned by half a turn.
struct from_the_end {
  using axis = bl::axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = true;
  BYTELOOM_HD static constexpr int first_of(int pair, int) { return 2 * pair; }
  BYTELOOM_HD static constexpr int second_of(int pair, int) { return 2 * pair + 1; }

  template <class Real>
  BYTELOOM_HD bl::position::rotation<Real> at_query(const bl::position::spot& token, int, int) const {
    return {(token.length - token.place) % 2 == 0 ? Real(1) : Real(-1), Real(0)};
  }
  template <class Real>
  BYTELOOM_HD bl::position::rotation<Real> at_key(const bl::position::spot&, int, int) const {
    return {Real(1), Real(0)};
  }
};

struct block_and_the_one_before {
  using axis = bl::axis::mask;
  int block;
  BYTELOOM_HD constexpr bool keep(bl::site at) const {
    return at.key <= at.query && at.query / block - at.key / block <= 1;
  }
};

}  // namespace

TEST_CASE("position policies on the host agree with the reference") {
  auto draw = test::generator();
  test::for_each_position_attention(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    test::check_against_reference(draw, name, spec, shape);
  });
}

TEST_CASE("POS-02 xPos: rotation with decay, keys kept with a fixed centre, blockwise causal attention") {
  auto draw = test::generator();
  const double scale_base = 512, gamma = 0.4;
  test::formulas paper;
  paper.turned = [&](test::vector x, bool is_query, int, int position, int keys) {
    const std::size_t pairs = x.size() / 2;
    const double centre = (keys + 1) / 2;
    if (is_query)
      for (auto& own : x) own /= std::sqrt(static_cast<double>(x.size()));  // before the rotation
    for (std::size_t c = 0; c < pairs; ++c) {
      const double theta = std::pow(10000.0, -static_cast<double>(c) / static_cast<double>(pairs));
      const double zeta =
          (2.0 * static_cast<double>(c) / static_cast<double>(x.size()) + gamma) / (1 + gamma);
      const double power = (position - centre) / scale_base;
      const double factor = std::pow(zeta, is_query ? power : -power);
      const double a = x[2 * c], b = x[2 * c + 1];
      x[2 * c] = (a * std::cos(position * theta) - b * std::sin(position * theta)) * factor;
      x[2 * c + 1] = (b * std::cos(position * theta) + a * std::sin(position * theta)) * factor;
    }
    return x;
  };
  paper.score = [](double dot, int, int, int query, int key) { return key <= query ? dot : test::unseen; };
  SUBCASE("centre at half the length") {
    using xpos =
        bl::position::xpos<bl::position::pairing::interleaved, bl::position::xpos_centre::half_length>;
    const bl::attention<bl::heads<2, 1, 32>, xpos, bl::mask::causal> spec;
    for (const auto shape : {test::attend_shape{1, 40, 171}, test::attend_shape{2, 40, 40}}) {
      const test::attend_inputs in(draw, spec, shape, 1.0f);
      CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 2e-5);
    }
  }
  SUBCASE("a fixed centre gives the same, and keys that a cache can keep") {
    const bl::attention<bl::heads<2, 1, 32>, bl::position::xpos<>, bl::mask::causal> spec;
    const test::attend_inputs in(draw, spec, {1, 40, 171}, 1.0f);
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 2e-5);
  }
  SUBCASE("decoding: each key is turned once, when it is appended") {
    const bl::attention<bl::heads<2, 1, 32>, bl::position::xpos<>, bl::mask::causal> spec;
    const test::attend_inputs in(draw, spec, {1, 60, 60}, 1.0f);
    const auto wanted = test::brute_force(in, paper);
    const auto xpos = spec.position();
    test::tensor<float> cache(1, 60, 1, 32), query(1, 1, 2, 32), found(1, 60, 2, 32);
    const auto turned = [&](bool is_query, auto from, auto to, int place, int heads) {
      for (int head = 0; head < heads; ++head)
        for (int pair = 0; pair < 16; ++pair) {
          const int a = xpos.first_of(pair, 32), b = xpos.second_of(pair, 32);
          const bl::position::spot token{0, place, place + 1};
          const auto turn = is_query ? bl::position::turn_query<float>(xpos, token, pair, 32)
                                     : bl::position::turn_key<float>(xpos, token, pair, 32);
          const float first = from(0, place, head, a), second = from(0, place, head, b);
          const int row = is_query ? 0 : place;
          to(0, row, head, a) = turn.first(first, second);
          to(0, row, head, b) = turn.second(first, second);
        }
    };
    for (int place = 0; place < 60; ++place) {
      turned(false, in.k.view(), cache.view(), place, 1);
      turned(true, in.q.view(), query.view(), place, 2);
      const int length = place + 1;
      bl::attend_cached(bl::host::here(), spec, query.view(), cache.view(), in.v.view(),
                        bl::host_view<const int, 1>(&length, 1),
                        bl::host_view<float, 4>(found.data.data() + place * 64, 1, 1, 2, 32));
    }
    CHECK(test::relative_error(found.data, wanted) < 2e-5);
  }
  SUBCASE("blocks of half the trained length see themselves and the whole block before") {
    const bl::attention<bl::heads<2, 1, 32>, bl::position::xpos<>, block_and_the_one_before> spec{
        block_and_the_one_before{16}};
    const test::attend_inputs in(draw, spec, {1, 100, 100}, 1.0f);
    paper.score = [](double dot, int, int, int query, int key) {
      const bool own = key / 16 == query / 16 && key <= query;
      return own || key / 16 == query / 16 - 1 ? dot : test::unseen;
    };
    CHECK(test::host_error(spec, in, test::brute_force(in, paper)) < 2e-5);
  }
}

TEST_CASE("positions that start anew make a packed sequence turn as its documents do") {
  auto draw = test::generator();
  struct same_half {
    using axis = bl::axis::mask;
    BYTELOOM_HD constexpr bool keep(bl::site at) const { return (at.key < 20) == (at.query < 20); }
  };
  std::vector<int> ids;
  for (int i = 0; i < 48; ++i) ids.push_back(i < 20 ? i : i - 20);
  using given = bl::position::at_ids<>;
  using heads = bl::heads<2, 2, 16>;
  const bl::attention<heads, given, same_half, bl::mask::causal> packed{
      given{bl::host_view<const int, 2>(ids.data(), 1, 48)}};
  const bl::attention<heads, bl::position::rope<>, bl::mask::causal> alone;
  const test::attend_inputs in(draw, packed, {1, 48, 48}, 1.0f);
  std::vector<double> wanted;
  for (const auto& [first, last] : {std::pair{0, 20}, std::pair{20, 48}}) {
    const auto cut = [&, from = first, to = last](const test::tensor<float>& x) {
      test::tensor<float> result(1, to - from, 2, 16);
      std::copy(x.data.begin() + from * 32, x.data.begin() + to * 32, result.data.begin());
      return result;
    };
    const auto q = cut(in.q), k = cut(in.k), v = cut(in.v);
    auto out = test::poisoned_tensor<double>(1, last - first, 2, 16);
    bl::reference::attend(alone, q.view(), k.view(), v.view(), out.view());
    wanted.insert(wanted.end(), out.data.begin(), out.data.end());
  }
  CHECK(test::host_error(packed, in, wanted) < 1e-5);
}

TEST_CASE("a user's position policy may turn queries alone, by the length") {
  auto draw = test::generator();
  CHECK(bl::position::turns_by_length<from_the_end>);
  const bl::attention<bl::heads<2, 2, 16>, from_the_end> spec;
  const test::attend_inputs in(draw, spec, {1, 9, 21}, 1.0f);
  test::formulas by;
  by.turned = [](test::vector x, bool is_query, int, int position, int keys) {
    if (is_query && (keys - position) % 2 != 0)
      for (auto& own : x) own = -own;
    return x;
  };
  by.score = [](double dot, int, int, int, int) { return dot / 4; };
  CHECK(test::host_error(spec, in, test::brute_force(in, by)) < 1e-5);
}

TEST_CASE("keys that are prepared part by part for a cache mean what a call over all of them means") {
  auto draw = test::generator();
  using heads = bl::heads<4, 2, 8>;
  using norm = bl::prepare::norm<bl::norm::rms>;
  const auto weights = test::random_tensor<float>(draw, 1.0f, 2, 8);
  const norm normed{{}, {weights.data.data(), 8}, {weights.data.data() + 8, 8}};
  std::vector<int> ids;
  for (int i = 0; i < 22; ++i) ids.push_back(i * 5 % 17);
  using given = bl::position::at_ids<>;
  const given at_ids{bl::host_view<const int, 2>(ids.data(), 2, 11)};
  const auto from = [](auto view, bl::index first, bl::index count) {
    view.data += first * view.stride[1];
    view.extent[1] = count;
    return view;
  };
  const auto check = [&](const auto& spec) {
    const test::attend_inputs in(draw, spec, {2, 4, 11}, 1.0f);
    auto keys = test::poisoned_tensor<float>(2, 11, 2, 8);
    auto queries = in.q;
    auto found = test::poisoned_tensor<float>(2, 4, 4, 8), wanted = found;
    const auto prepare = [&](int first, int count) {
      const std::vector<int> firsts(2, first), lengths(2, first + count);
      bl::prepare_keys(bl::host::here(), spec, from(in.k.view(), first, count), {firsts.data(), 2},
                       {lengths.data(), 2}, from(keys.view(), first, count));
    };
    prepare(0, 6);
    prepare(6, 1);
    prepare(7, 4);
    const std::vector<int> firsts(2, 7), lengths(2, 11);
    const bl::host_view<const int, 1> first(firsts.data(), 2), length(lengths.data(), 2);
    bl::prepare_queries(bl::host::here(), spec, queries.view(), first, length, queries.view());
    bl::attend_cached(bl::host::here(), spec, queries.view(), keys.view(), in.v.view(), length, found.view());
    bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
    CHECK(test::relative_error(found.data, wanted.data) < 1e-6);

    const auto refused = [&](const auto& x, const std::vector<int>& start, const auto& out) {
      CHECK_THROWS_AS(
          bl::prepare_keys(bl::host::here(), spec, x, {start.data(), bl::index(start.size())}, length, out),
          bl::shape_error);
    };
    refused(in.k.view(), {0, 1}, keys.view());                          // beyond the end
    refused(in.k.view(), {0, -1}, keys.view());                         // before the begin
    refused(in.k.view(), {0}, keys.view());                             // a start for one sequence
    refused(in.k.view(), {0, 0}, from(keys.view(), 0, 10));             // less room
    refused(from(in.q.view(), 0, 3), {0, 0}, from(keys.view(), 0, 3));  // query heads
  };
  check(bl::attention<heads, norm, bl::position::rope<>, bl::mask::causal>{normed});
  check(bl::attention<heads, norm, given>{normed, at_ids});
  check(bl::attention<heads, norm, bl::mask::causal>{normed});
  check(bl::attention<heads, bl::position::rope<>>{});
  const bl::attention<heads, given> few{given{bl::host_view<const int, 2>(ids.data(), 2, 10)}};
  auto x = test::random_tensor<float>(draw, 1.0f, 2, 1, 2, 8);
  const std::vector<int> firsts{3, 3}, lengths{11, 11};
  CHECK_THROWS_WITH_AS(
      bl::prepare_keys(bl::host::here(), few, x.view(), {firsts.data(), 2}, {lengths.data(), 2}, x.view()),
      doctest::Contains("position::at_ids"), bl::shape_error);
}

TEST_CASE("position data that does not fit is refused by name") {
  auto draw = test::generator();
  std::vector<int> ids(20);
  const bl::host_view<const int, 2> tokens(ids.data(), 1, 20);
  const auto refused = [&](const auto& spec, const char* name) {
    const test::attend_inputs in(draw, spec, {1, 3, 24}, 1.0f);
    auto out = test::poisoned_tensor<float>(1, 3, 2, spec.heads().size);
    CHECK_THROWS_WITH_AS(
        bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view()),
        doctest::Contains(name), bl::error);
  };
  using namespace bl;
  using two = heads<2, 1, 16>;
  refused(attention<two, position::partial<32>>{}, "position::partial");
  for (const int turned : {-2, 0, 7, 18})
    refused(attention<two, position::partial<>>{position::partial<>{turned}}, "position::partial");
  refused(attention<two, position::at_ids<>>{position::at_ids<>{tokens}}, "position::at_ids");
  using inside = position::partial<8, position::at_ids<>>;
  refused(attention<two, inside>{inside{position::at_ids<>{tokens}}}, "position::at_ids");
  using image = position::axial<2>;
  refused(attention<two, image>{image{{{0, 4}}}}, "position::axial");
  refused(attention<heads<2, 1, 2>, image>{image{{{3, 8}}}}, "position::axial");
}
