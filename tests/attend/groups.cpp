// SPDX-License-Identifier: Apache-2.0

// Groups of tokens: their laws, and the published mechanisms that they serve, against formulas written from
// the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "byteloom/attend/copy_to.hpp"
#include "byteloom/attend/group/cut_windows.hpp"
#include "byteloom/attend/group/dilated.hpp"
#include "byteloom/attend/group/grid.hpp"
#include "byteloom/attend/group/segments.hpp"
#include "byteloom/attend/group/sorted.hpp"
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/attend/normalizer/clipped_softmax.hpp"
#include "byteloom/attend/normalizer/scalable_softmax.hpp"
#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/attend/score/relative_bias.hpp"
#include "byteloom/attend/score/window_bias.hpp"
#include "support/agreement.hpp"
#include "support/brute_force.hpp"
#include "support/random.hpp"
#include "support/swin.hpp"

namespace bl = byteloom;
namespace group = bl::group;

namespace {

/// Each token is in one slot of one group, and the inverse finds it there.
template <class Group>
void check_partition(const Group& groups, int tokens) {
  std::vector<int> seen(static_cast<std::size_t>(tokens), 0);
  for (int g = 0; g < groups.groups(); ++g) {
    CHECK(groups.size(g) <= Group::largest);
    if (!bl::detail::is_ragged<Group>) CHECK(groups.size(g) == groups.size(0));
    for (int slot = 0; slot < groups.size(g); ++slot) {
      const int token = groups.token(g, slot);
      REQUIRE(token >= 0);
      REQUIRE(token < tokens);
      ++seen[static_cast<std::size_t>(token)];
      CHECK(groups.group_of(token) == g);
      CHECK(groups.slot_of(token) == slot);
    }
  }
  CHECK(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
}

/// Compares the host and the reference with formulas.
template <class Spec>
void check_formulas(const char* name, const Spec& spec, test::attend_shape shape, const test::formulas& by) {
  auto draw = test::generator();
  CAPTURE(std::string(name));
  const test::attend_inputs in(draw, spec, shape, 1.0f);
  const auto wanted = test::brute_force(in, by);
  auto meant =
      test::poisoned_tensor<double>(shape.batch, shape.queries, spec.heads().query, spec.heads().value_size);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), meant.view());
  CHECK(test::relative_error(meant.data, wanted) < 1e-7);
  CHECK(test::host_error(spec, in, wanted) < 1e-5);
}

double scaled(double dot, int size) { return dot / std::sqrt(static_cast<double>(size)); }

std::vector<int> random_offsets(std::mt19937_64& draw, int groups, int least, int most, int first = 0) {
  std::vector<int> offsets{first};
  for (int g = 0; g < groups; ++g)
    offsets.push_back(offsets.back() + std::uniform_int_distribution<int>(least, most)(draw));
  return offsets;
}

bl::host_view<const int, 1> view_of(const std::vector<int>& x) { return {x.data(), x.size()}; }

int run_of(const std::vector<int>& offsets, int token) {
  return static_cast<int>(std::upper_bound(offsets.begin(), offsets.end(), token) - offsets.begin()) - 1;
}

}  // namespace

TEST_CASE("windows, grids and dilated groups hold each token once, and their inverse finds it") {
  check_partition(group::windows<7, 7>({14, 21}), 294);
  check_partition(group::windows<7, 7>({14, 21}, {3, 3}), 294);
  check_partition(group::windows<7, 7>({5, 21}, {3, 3}), 105);
  check_partition(group::windows<2, 3, 4>({4, 6, 12}, {1, 1, 2}), 288);
  check_partition(group::windows<13>({91}, {6}), 91);
  check_partition(group::grid<7, 7>({14, 21}), 294);
  check_partition(group::grid<2, 4, 3>({4, 4, 6}), 96);
  for (const bool shifted : {false, true}) {
    check_partition(group::cut_windows<3, 40>({5, 9, 7}, {2, 5, 4}, shifted), 315);
    check_partition(group::cut_windows<2, 64>({3, 19}, {8, 8}, shifted), 57);
    check_partition(group::cut_windows<1, 1>({6}, {1}, shifted), 6);
  }
  for (const int length : {1, 7, 24, 25, 60}) {
    check_partition(group::dilated<24, 5>{length}, length);
    check_partition(group::dilated<8, 8>{length}, length);
    check_partition(group::dilated<16, 1>{length}, length);
  }
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 40, 0, 9);
  check_partition(group::segments<9>(view_of(offsets)), offsets.back());
  const std::vector<int> inside{3, 3, 8, 8, 9};
  const group::segments<9> some(view_of(inside));
  for (int token = 0; token < 14; ++token)
    CHECK(some.group_of(token) == (token < 3 || token >= 9 ? -1 : token < 8 ? 1 : 3));
}

TEST_CASE("tokens of no group give zeros and minus infinity") {
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 5, 1, 6, 4);
  const int length = offsets.back() + 3;
  using spec_type = bl::attention<bl::heads<4, 2, 16>, group::segments<6>, bl::observe::log_sum_exp<>>;
  test::tensor<float> sums = test::poisoned_tensor<float>(2, length, 4);
  const spec_type spec{group::segments<6>(view_of(offsets)),
                       bl::observe::log_sum_exp<>(bl::host_view<float, 3>(sums.data.data(), 2, length, 4))};
  const test::attend_inputs in(draw, spec, {2, length, length}, 1.0f);
  auto out = test::poisoned_tensor<float>(2, length, 4, 16);
  auto meant = test::poisoned_tensor<double>(2, length, 4, 16);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), meant.view());
  const auto meant_sums = sums.data;
  bl::attend(bl::host::here(), spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  CHECK(test::relative_error(out.data, meant.data) < 1e-5);
  for (int b = 0; b < 2; ++b)
    for (int row = 0; row < length; ++row)
      for (int head = 0; head < 4; ++head) {
        const auto at = static_cast<std::size_t>((b * length + row) * 4 + head);
        const bool homeless = row < 4 || row >= offsets.back();
        CHECK((out.view()(b, row, head, 3) == 0.0f) == homeless);
        CHECK((sums.data[at] == -std::numeric_limits<float>::infinity()) == homeless);
        if (!homeless) CHECK(sums.data[at] == doctest::Approx(meant_sums[at]).epsilon(1e-5));
      }
}

TEST_CASE("fewer queries than keys: those that the call holds attend to all of their group") {
  const std::vector<int> offsets{0, 5, 12, 20};
  const bl::attention<bl::heads<2, 1, 16>, group::segments<8>, bl::mask::causal> spec{
      group::segments<8>(view_of(offsets))};
  test::formulas by;
  by.score = [&](double dot, int, int, int query, int key) {
    return run_of(offsets, query) == run_of(offsets, key) && key <= query ? scaled(dot, 16) : test::unseen;
  };
  check_formulas("decoding two words", spec, {2, 10, 20}, by);
}

TEST_CASE("row scales count the keys of a group, and two passes stay inside it") {
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 7, 1, 6);
  const int length = offsets.back();
  const bl::attention<bl::heads<2, 2, 16>, group::segments<6>, bl::mask::causal,
                      bl::normalizer::scalable_softmax>
      spec{group::segments<6>(view_of(offsets)), bl::normalizer::scalable_softmax{0.7f}};
  test::formulas by;
  by.score = [&](double dot, int, int, int query, int key) {
    const int first = offsets[static_cast<std::size_t>(run_of(offsets, query))];
    if (run_of(offsets, query) != run_of(offsets, key) || key > query) return test::unseen;
    return scaled(dot, 16) * double{0.7f} * std::log(query - first + 1);
  };
  check_formulas("scalable", spec, {1, length, length}, by);
  const bl::attention<bl::heads<2, 2, 16>, group::segments<6>, bl::normalizer::clipped_softmax> clipped{
      group::segments<6>(view_of(offsets)), bl::normalizer::clipped_softmax{-0.1f, 1.1f}};
  by.score = [&](double dot, int, int, int query, int key) {
    return run_of(offsets, query) == run_of(offsets, key) ? scaled(dot, 16) : test::unseen;
  };
  const auto plain = by.weights;
  by.weights = [&](int head, const test::vector& scores) {
    auto result = plain(head, scores);
    for (double& w : result) w = std::clamp((double{1.1f} - double{-0.1f}) * w + double{-0.1f}, 0.0, 1.0);
    return result;
  };
  check_formulas("clipped", clipped, {1, length, length}, by);
}

namespace {

using test::swin_map;

template <class Sides, class Spec, std::size_t Axes>
void check_swin(const char* name, const swin_map<Axes>& map, const Spec& spec,
                const test::tensor<float>& table) {
  test::formulas by;
  by.score = [&](double dot, int, int head, int query, int key) {
    if (!map.sees(query, key)) return test::unseen;
    return scaled(dot, spec.heads().size) + static_cast<double>(table.matrix()(map.row(query, key), head));
  };
  check_formulas(name, spec, {2, map.tokens(), map.tokens()}, by);
}

}  // namespace

TEST_CASE(
    "MSK-06 (partial: no patches, no merging; what the regions part is hidden, not lowered by 100) Swin's "
    "windows") {
  auto draw = test::generator();
  const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, 169, 3);
  using sides = bl::score::sides<7, 7>;
  using by_slots = bl::attention<bl::heads<3, 3, 16>, group::windows<7, 7>, bl::mask::windows<2>,
                                 bl::score::window_bias<sides>>;
  using by_places = bl::attention<bl::heads<3, 3, 16>, group::windows<7, 7>, bl::mask::windows<2>,
                                  bl::score::relative_bias<2>>;
  for (const int shift : {0, 3}) {
    const group::windows<7, 7> windows({14, 21}, {shift, shift});
    const bl::mask::windows<2> regions({14, 21}, {7, 7}, {shift, shift});
    const swin_map<2> map{{14, 21}, {7, 7}, {shift, shift}};
    check_swin<sides>("slots", map, by_slots{windows, regions, bl::score::window_bias<sides>(table.matrix())},
                      table);
    check_swin<sides>(
        "coordinates", map,
        by_places{windows, regions, bl::score::relative_bias<2>(table.matrix(), {{14, 21}}, {{7, 7}})},
        table);
  }
  // a side no longer than the window: one window, no shift on that axis
  const swin_map<2> low{{7, 21}, {7, 7}, {0, 3}};
  check_swin<sides>(
      "low", low,
      by_slots{group::windows<7, 7>({7, 21}, {3, 3}), bl::mask::windows<2>({7, 21}, {7, 7}, {3, 3}),
               bl::score::window_bias<sides>(table.matrix())},
      table);
}

TEST_CASE("MSK-07 (partial: no patches, no merging, no padding) Video Swin's windows and bias") {
  auto draw = test::generator();
  using sides = bl::score::sides<4, 3, 3>;
  const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, 7 * 5 * 5, 2);
  using spec_type = bl::attention<bl::heads<2, 2, 16>, group::windows<4, 3, 3>, bl::mask::windows<3>,
                                  bl::score::window_bias<sides>>;
  const bl::score::window_bias<sides> bias(table.matrix());
  check_swin<sides>("shifted", swin_map<3>{{8, 6, 9}, {4, 3, 3}, {2, 1, 1}},
                    spec_type{group::windows<4, 3, 3>({8, 6, 9}, {2, 1, 1}),
                              bl::mask::windows<3>({8, 6, 9}, {4, 3, 3}, {2, 1, 1}), bias},
                    table);
  // fewer frames than the window has: it shrinks there, and slots are numbered in the whole window's index
  // map
  const swin_map<3> few{{2, 6, 9}, {2, 3, 3}, {0, 1, 1}};
  test::formulas by;
  by.score = [&](double dot, int, int head, int query, int key) {
    if (!few.sees(query, key)) return test::unseen;
    const auto slot = [&](int token) {
      return few.rolled(token, 0) % 2 * 9 + few.rolled(token, 1) % 3 * 3 + few.rolled(token, 2) % 3;
    };
    const int a = slot(query), b = slot(key);
    const int row = (a / 9 - b / 9 + 3) * 25 + (a / 3 % 3 - b / 3 % 3 + 2) * 5 + a % 3 - b % 3 + 2;
    return scaled(dot, 16) + static_cast<double>(table.matrix()(row, head));
  };
  check_formulas("few frames",
                 spec_type{group::windows<4, 3, 3>({2, 6, 9}, {2, 1, 1}),
                           bl::mask::windows<3>({2, 6, 9}, {4, 3, 3}, {2, 1, 1}), bias},
                 {2, 108, 108}, by);
}

TEST_CASE("MSK-08 (partial: the attention alone) Swin-Free's windows of 7 and of 14 with their bias") {
  auto draw = test::generator();
  const auto small = test::random_tensor<float>(draw, 1.0f, 1, 1, 169, 2);
  const auto large = test::random_tensor<float>(draw, 1.0f, 1, 1, 729, 2);
  using seven = bl::score::sides<7, 7>;
  using fourteen = bl::score::sides<14, 14>;
  check_swin<seven>("7", swin_map<2>{{14, 28}, {7, 7}, {0, 0}},
                    bl::attention<bl::heads<2, 2, 16>, group::windows<7, 7>, bl::score::window_bias<seven>>{
                        group::windows<7, 7>({14, 28}), bl::score::window_bias<seven>(small.matrix())},
                    small);
  check_swin<fourteen>(
      "14", swin_map<2>{{14, 28}, {14, 14}, {0, 0}},
      bl::attention<bl::heads<2, 2, 16>, group::windows<14, 14>, bl::score::window_bias<fourteen>>{
          group::windows<14, 14>({14, 28}), bl::score::window_bias<fourteen>(large.matrix())},
      large);
}

TEST_CASE("windows and grids count offsets in their slots") {
  auto draw = test::generator();
  const int height = 14, width = 21;
  using sides = bl::score::sides<7, 7>;
  const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, 169, 2);
  const bl::score::window_bias<sides> bias(table.matrix());
  test::formulas by;
  const auto biased = [&](double dot, int head, int yq, int xq, int yk, int xk) {
    return scaled(dot, 32) + static_cast<double>(table.matrix()((yq - yk + 6) * 13 + xq - xk + 6, head));
  };
  by.score = [&](double dot, int, int head, int query, int key) {
    const int yq = query / width, xq = query % width, yk = key / width, xk = key % width;
    if (yq / 7 != yk / 7 || xq / 7 != xk / 7) return test::unseen;
    return biased(dot, head, yq % 7, xq % 7, yk % 7, xk % 7);
  };
  check_formulas("block",
                 bl::attention<bl::heads<2, 2, 32>, group::windows<7, 7>, bl::score::window_bias<sides>>{
                     group::windows<7, 7>({height, width}), bias},
                 {2, height * width, height * width}, by);
  const int down = height / 7, across = width / 7;
  by.score = [&](double dot, int, int head, int query, int key) {
    const int yq = query / width, xq = query % width, yk = key / width, xk = key % width;
    if (yq % down != yk % down || xq % across != xk % across) return test::unseen;
    return biased(dot, head, yq / down, xq / across, yk / down, xk / across);
  };
  check_formulas("grid",
                 bl::attention<bl::heads<2, 2, 32>, group::grid<7, 7>, bl::score::window_bias<sides>>{
                     group::grid<7, 7>({height, width}), bias},
                 {2, height * width, height * width}, by);
}

TEST_CASE("MSK-10 (partial: no positions inside windows, no text) SeedVR's windows of varied size") {
  const std::array<int, 3> extent{5, 9, 7}, side{2, 5, 4};
  for (const bool shifted : {false, true}) {
    // the window of a cell among the authors' slices [max((n - 1/2) w, 0), min((n + 1/2) w, L)), truncated
    const auto window_of = [&](int cell, int a) {
      const int w = side[static_cast<std::size_t>(a)];
      if (!shifted || extent[static_cast<std::size_t>(a)] <= w) return cell / w;
      int n = 0;
      while (static_cast<int>((n + 0.5) * w) <= cell) ++n;
      return n;
    };
    test::formulas by;
    by.score = [&](double dot, int, int, int query, int key) {
      const bool same = window_of(query / 63, 0) == window_of(key / 63, 0) &&
                        window_of(query / 7 % 9, 1) == window_of(key / 7 % 9, 1) &&
                        window_of(query % 7, 2) == window_of(key % 7, 2);
      return same ? scaled(dot, 16) : test::unseen;
    };
    check_formulas(shifted ? "shifted" : "regular",
                   bl::attention<bl::heads<2, 2, 16>, group::cut_windows<3, 40>>{
                       group::cut_windows<3, 40>({5, 9, 7}, {2, 5, 4}, shifted)},
                   {1, 315, 315}, by);
  }
}

TEST_CASE(
    "MSK-11 (partial: no position encoding, no feed-forward, no blocks) FlatFormer's groups of equal size") {
  auto draw = test::generator();
  constexpr int size = 69;
  // two point clouds of distinct pillars, one of them smaller than a group
  std::vector<group::pillar> pillars;
  std::vector<int> starts{0};
  for (int sample = 0; sample < 3; ++sample) {
    std::vector<int> cells(60 * 50);
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int>(i);
    std::shuffle(cells.begin(), cells.end(), draw);
    cells.resize(sample == 0 ? 200 : sample == 1 ? 40 : 138);
    for (const int cell : cells) pillars.push_back({sample, cell / 50, cell % 50});
    starts.push_back(static_cast<int>(pillars.size()));
  }
  const int tokens = starts.back();
  for (const auto along : {group::sort_axis::x, group::sort_axis::y})
    for (const bool shifted : {false, true}) {
      const auto order = group::flat_order(pillars, along, shifted);
      // lexicographic: sample, window row, window column forth or back, cell column so, too, cell row so by
      // the column's parity
      const auto rank = [&](int token) {
        const group::pillar& own = pillars[static_cast<std::size_t>(token)];
        const int shift = shifted ? 4 : 0;
        const int outer = (along == group::sort_axis::x ? own.y : own.x) + shift;
        const int inner = (along == group::sort_axis::x ? own.x : own.y) + shift;
        const int back = outer / 9 % 2 == 0 ? 1 : -1;
        return std::array<int, 5>{own.sample, outer / 9, back * (inner / 9), back * (inner % 9),
                                  back * (inner % 9 % 2 == 0 ? 1 : -1) * (outer % 9)};
      };
      std::vector<int> sorted(pillars.size());
      for (int i = 0; i < tokens; ++i) sorted[static_cast<std::size_t>(i)] = i;
      std::sort(sorted.begin(), sorted.end(), [&](int a, int b) { return rank(a) < rank(b); });
      CHECK(order == sorted);

      const group::sorted_list<size> list(order, starts);
      // group and place of each token in it; the last group of a sample begins where it needs no padding
      std::vector<int> place(pillars.size());
      for (int i = 0; i < tokens; ++i)
        place[static_cast<std::size_t>(sorted[static_cast<std::size_t>(i)])] = i;
      test::formulas by;
      by.score = [&](double dot, int, int, int query, int key) {
        const int sample = pillars[static_cast<std::size_t>(query)].sample;
        if (pillars[static_cast<std::size_t>(key)].sample != sample) return test::unseen;
        const int first = starts[static_cast<std::size_t>(sample)];
        const int count = starts[static_cast<std::size_t>(sample) + 1] - first;
        const int from = place[static_cast<std::size_t>(query)] - first;
        const int to = place[static_cast<std::size_t>(key)] - first;
        const bool copied = count >= size && from / size == count / size && to / size == from / size - 1 &&
                            to % size >= count % size;  // fills a slot of the last group
        return from / size == to / size || copied ? scaled(dot, 16) : test::unseen;
      };
      check_formulas("flat", bl::attention<bl::heads<8, 8, 16>, group::sorted<size>>{list.policy()},
                     {1, tokens, tokens}, by);
    }
}

TEST_CASE("queries of their own read each run, an empty one too") {
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 20, 1, 12);
  const int bytes = offsets.back();
  const group::pooled<1, 12> words(view_of(offsets));
  const bl::attention<bl::heads<1, 1, 24>, group::pooled<1, 12>> spec{words};
  test::formulas by;
  by.score = [&](double dot, int, int, int place, int key) {
    return run_of(offsets, key) == place - (bytes - 20) ? scaled(dot, 24) : test::unseen;
  };
  check_formulas("words", spec, {2, 20, bytes}, by);

  // one query for all words by a stride of 0; words may be empty, and have more queries
  // than bytes
  const std::vector<int> gaps{0, 0, 3, 3, 4};
  const bl::attention<bl::heads<2, 1, 16>, group::pooled<3, 12>> several{group::pooled<3, 12>(view_of(gaps))};
  const auto q = test::random_tensor<float>(draw, 1.0f, 1, 1, 2, 16);
  const auto k = test::random_tensor<float>(draw, 1.0f, 1, 4, 1, 16);
  auto learned = q.view();
  learned.extent[1] = 12;
  learned.stride[1] = 0;
  auto out = test::poisoned_tensor<float>(1, 12, 2, 16);
  bl::attend(bl::host::here(), several, learned, k.view(), k.view(), out.view());
  for (int row = 0; row < 12; ++row)
    for (int i = 0; i < 16; ++i) {
      if (row / 3 % 2 == 0) CHECK(out.view()(0, row, 1, i) == 0.0f);
      if (row / 3 == 3) CHECK(out.view()(0, row, 1, i) == doctest::Approx(k.view()(0, 3, 0, i)));
      if (row / 3 == 1) CHECK(out.view()(0, row, 1, i) == out.view()(0, 3, 1, i));
    }
}

TEST_CASE(
    "TOK-04 (partial: the attention inside words alone) an encoder and a causal decoder inside each word") {
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 15, 2, 20);
  const int length = offsets.back();
  test::formulas by;
  by.score = [&](double dot, int, int, int query, int key) {
    return run_of(offsets, query) == run_of(offsets, key) ? scaled(dot, 16) : test::unseen;
  };
  const group::segments<20> words(view_of(offsets));
  check_formulas("encoder", bl::attention<bl::heads<4, 4, 16>, group::segments<20>>{words},
                 {1, length, length}, by);
  by.score = [&](double dot, int, int, int query, int key) {
    return run_of(offsets, query) == run_of(offsets, key) && key <= query ? scaled(dot, 16) : test::unseen;
  };
  check_formulas("decoder", bl::attention<bl::heads<4, 4, 16>, bl::mask::causal, group::segments<20>>{words},
                 {1, length, length}, by);
}

TEST_CASE(
    "RUN-01 (partial: the attention alone, no packing kernel) sequences laid end to end attend as if alone") {
  auto draw = test::generator();
  const auto offsets = random_offsets(draw, 6, 0, 40);
  const int length = offsets.back();
  const bl::attention<bl::heads<2, 2, 32>, group::segments<40>> packed{group::segments<40>(view_of(offsets))};
  const test::attend_inputs in(draw, packed, {1, length, length}, 1.0f);
  auto out = test::poisoned_tensor<float>(1, length, 2, 32);
  bl::attend(bl::host::here(), packed, in.q.view(), in.k.view(), in.v.view(), out.view());
  const bl::attention<bl::heads<2, 2, 32>> alone;
  for (std::size_t g = 0; g + 1 < offsets.size(); ++g) {
    const auto part = [&](auto view) {
      view.data += offsets[g] * view.stride[1];
      view.extent[1] = offsets[g + 1] - offsets[g];
      return view;
    };
    auto own = test::poisoned_tensor<float>(1, offsets[g + 1] - offsets[g], 2, 32);
    bl::attend(bl::host::here(), alone, part(in.q.view()), part(in.k.view()), part(in.v.view()), own.view());
    for (std::size_t i = 0; i < own.data.size(); ++i)
      CHECK(out.data[static_cast<std::size_t>(offsets[g]) * 64 + i] ==
            doctest::Approx(own.data[i]).epsilon(1e-4));
  }
}

TEST_CASE("dilated groups see every so many tokens of their segment") {
  test::formulas by;
  by.score = [](double dot, int, int, int query, int key) {
    return query / 24 == key / 24 && (query - key) % 5 == 0 ? scaled(dot, 16) : test::unseen;
  };
  check_formulas("dilated",
                 bl::attention<bl::heads<2, 2, 16>, group::dilated<24, 5>>{group::dilated<24, 5>{61}},
                 {2, 61, 61}, by);
}

TEST_CASE("groups that mean nothing or do not fit are named") {
  const auto refused = [](const auto& spec, int tokens, const char* name) {
    test::tensor<float> x(1, tokens, 2, 16);
    try {
      bl::attend(bl::host::here(), spec, x.view(), x.view(), x.view(), x.view());
      FAIL("nothing thrown");
    } catch (const bl::error& thrown) {
      CHECK(std::string(thrown.what()).find(name) != std::string::npos);
    }
  };
  using heads = bl::heads<2, 2, 16>;
  const auto with = [&](const auto& policy, int tokens, const char* name) {
    using policy_type = std::remove_cvref_t<decltype(policy)>;
    refused(bl::attention<heads, policy_type>{policy}, tokens, name);
  };
  with(group::windows<7, 7>({14, 20}), 280, "group::windows: an extent of 20");
  with(group::windows<7, 7>({14, 14}, {7, 0}), 196, "group::windows: a shift of 7");
  with(group::windows<7, 7>({0, 14}), 196, "group::windows: a map");
  with(group::windows<7, 7>({14, 14}), 195, "group");
  with(group::grid<7, 7>({14, 20}), 280, "group::grid");
  with(group::cut_windows<2, 16>({9, 9}, {4, 5}), 81, "group::cut_windows: windows of 20");
  with(group::cut_windows<2, 16>({9, 9}, {0, 5}), 81, "group::cut_windows: a side of 0");
  with(group::dilated<8, 2>{0}, 8, "group::dilated");
  with(group::dilated<8, 2>{7}, 8, "group::dilated");
  const std::vector<int> descending{0, 3, 2}, long_run{0, 9}, negative{-1, 3}, beyond{0, 4, 9};
  with(group::segments<8>(view_of(descending)), 8, "group::segments: group 1");
  with(group::segments<8>(view_of(long_run)), 9, "group::segments: group 0");
  with(group::segments<8>(view_of(negative)), 8, "group::segments: the first");
  with(group::segments<8>(view_of(beyond)), 8, "segments");
  with(group::segments<8>({}), 8, "group::segments: no offsets");
  with(group::pooled<2, 8>(view_of(beyond)), 9, "group::pooled");
  const std::vector<int> slots{0, 1, 2, 9}, counts{2, 2, 2, 3};
  with(group::sorted<2>({slots.data(), 2, 2}, {counts.data(), 2, 2}), 9, "group::sorted: group 1 owns");
  with(group::sorted<2>({slots.data(), 2, 2}, {counts.data(), 1, 2}), 9, "group::sorted: tokens");
  const std::vector<int> good{2, 2, 2, 2};
  with(group::sorted<2>({slots.data(), 2, 2}, {good.data(), 2, 2}), 9, "group::sorted: slot 1 of group 1");
  const test::tensor<float> table(1, 1, 168, 2);
  using bias = bl::score::window_bias<bl::score::sides<7, 7>>;
  refused(
      bl::attention<heads, group::windows<7, 7>, bias>{group::windows<7, 7>({7, 7}), bias(table.matrix())},
      49, "score::window_bias");
  CHECK_THROWS_AS(group::flat_order({}, group::sort_axis::x, false, 0), bl::argument_error);
  const std::vector<int> order{0, 1}, starts{0, 3};
  CHECK_THROWS_AS((group::sorted_list<4>(order, starts)), bl::argument_error);
}
