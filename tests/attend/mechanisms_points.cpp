// SPDX-License-Identifier: Apache-2.0

// Point clouds: sparse pillars in groups of equal size, from features to features, against formulas written
// from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "byteloom/attend/group/sorted.hpp"
#include "byteloom/position/sinusoidal.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

/// FlatFormer with the paper's sizes.
struct flatformer {
  static constexpr int c = 128, h = 8, d = c / h, group = 69, side = 9, m = 18, area = 324;
  static constexpr int map_columns = 60, map_rows = 50;

  struct layer {
    test::dense of_queries_and_keys, of_values, out, up, down;
    test::norm_weights after_attention, after_feed;
  };
  std::vector<layer> layers;

  explicit flatformer(std::mt19937_64& draw) {
    for (int l = 0; l < 2 * 4; ++l)
      layers.push_back({{draw, 2 * c, c},
                        {draw, c, c},
                        {draw, c, c},
                        {draw, 2 * c, c},
                        {draw, c, 2 * c},
                        {draw, c},
                        {draw, c}});
  }

  /// Layers are x, x shifted, y, y shifted, and so on.
  static bool is_along_x(std::size_t l) { return l % 4 < 2; }
  static bool is_shifted(std::size_t l) { return l % 2 != 0; }

  /// The paper's order of the pillars of one sample: by its key, whose signs alternate with the coordinate
  /// outside of theirs.
  static std::vector<int> order_of(const std::vector<bl::group::pillar>& pillars, int sample, bool along_x,
                                   bool shifted) {
    const auto sign = [](int outer) { return outer % 2 == 0 ? 1L : -1L; };
    std::vector<std::pair<long, int>> keyed;
    for (int i = 0; i < static_cast<int>(pillars.size()); ++i) {
      const auto& own = pillars[static_cast<std::size_t>(i)];
      if (own.sample != sample) continue;
      const int at_x = own.x + (shifted ? side / 2 : 0), at_y = own.y + (shifted ? side / 2 : 0);
      const int outer = along_x ? at_y : at_x, inner = along_x ? at_x : at_y;
      const int extent = along_x ? map_columns : map_rows;
      const long n = 2L * ((extent + side - 1) / side + 1);
      const int window = outer / side, inner_window = inner / side, cell = outer % side,
                inner_cell = inner % side;
      keyed.emplace_back((n * window + sign(window) * inner_window) * area +
                             sign(window) * (m * inner_cell + sign(inner_cell) * cell),
                         i);
    }
    std::sort(keyed.begin(), keyed.end());
    std::vector<int> result;
    for (const auto& [key, token] : keyed) result.push_back(token);
    return result;
  }

  /// x and y as sines and cosines by turns, half of the columns each.
  static rows positions(const std::vector<bl::group::pillar>& pillars) {
    rows result;
    for (const auto& own : pillars) {
      result.emplace_back();
      for (const int place : {own.x, own.y})
        for (int i = 0; i < c / 2; ++i) {
          const double angle = place / std::pow(10000.0, 2.0 * (i / 2) / (c / 2));
          result.back().push_back(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
        }
    }
    return result;
  }

  rows by_the_paper(rows x, const std::vector<bl::group::pillar>& pillars, int samples) const {
    const rows places = positions(pillars);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const layer& own = layers[l];
      const rows both = test::linear(own.of_queries_and_keys, test::added(x, places), true);
      const rows q = test::columns_of(both, 0, c), k = test::columns_of(both, c, c),
                 v = test::linear(own.of_values, x, true);
      rows mixed(x.size());
      for (int sample = 0; sample < samples; ++sample) {
        std::vector<int> slots = order_of(pillars, sample, is_along_x(l), is_shifted(l));
        const std::size_t count = slots.size();
        while (count >= group && slots.size() % group != 0)  // copies of what stands a group earlier
          slots.push_back(slots[slots.size() - group]);
        for (std::size_t first = 0; first < slots.size(); first += group) {
          const std::vector<int> of_group(
              slots.begin() + static_cast<std::ptrdiff_t>(first),
              slots.begin() + static_cast<std::ptrdiff_t>(std::min(first + group, slots.size())));
          const rows out =
              test::attended(test::picked(q, of_group), test::picked(k, of_group), test::picked(v, of_group),
                             h, h, [](double dot, int, int, int) { return dot / std::sqrt(d); });
          for (std::size_t i = 0; i < out.size() && first + i < count; ++i)
            mixed[static_cast<std::size_t>(of_group[i])] = out[i];
        }
      }
      x = test::layer_normed(test::added(x, test::linear(own.out, mixed, true)), own.after_attention, 1e-5);
      x = test::layer_normed(
          test::added(x,
                      test::linear(own.down, test::each(test::linear(own.up, x, true), test::gelu_of), true)),
          own.after_feed, 1e-5);
    }
    return x;
  }

  /// By the library; `dense`: groups are gathered to a batch of sequences of equal length, and what they own
  /// is written back.
  test::matrix run(test::matrix x, const std::vector<bl::group::pillar>& pillars,
                   const std::vector<int>& starts, bool dense) const {
    const bl::index tokens = x.rows;
    test::matrix table(std::max(map_columns, map_rows), c / 2);
    bl::position::fill_sinusoidal(table.view());
    std::vector<int> xs, ys;
    for (const auto& own : pillars) {
      xs.push_back(own.x);
      ys.push_back(own.y);
    }
    const bl::source::beside places{bl::source::picked{table.source(), test::view_of(xs)}, bl::index{c / 2},
                                    bl::source::picked{table.source(), test::view_of(ys)}};
    const bl::norm::layer norm{1e-5f};
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const layer& own = layers[l];
      const bl::group::sorted_list<group> list(
          bl::group::flat_order(pillars, is_along_x(l) ? bl::group::sort_axis::x : bl::group::sort_axis::y,
                                is_shifted(l)),
          starts);
      auto both = test::through(bl::source::sum{x.source(), places}, test::as_is, own.of_queries_and_keys,
                                true, tokens),
           v = test::through(x.source(), test::as_is, own.of_values, true, tokens);
      test::matrix mixed(tokens, c);
      using heads = bl::heads<h, h, d>;
      if (dense) {
        const auto slots = static_cast<bl::index>(list.tokens.size()), groups = slots / group;
        const auto gathered = [&](const test::matrix& of) {
          return test::kept(bl::source::picked{of.source(), test::view_of(list.tokens)}, test::as_is, slots,
                            of.columns);
        };
        auto both_in_groups = gathered(both), v_in_groups = gathered(v);
        test::matrix out(slots, c);
        bl::attend(bl::host::here(), bl::attention<heads>{}, both_in_groups.heads(0, h, d, groups),
                   both_in_groups.heads(c, h, d, groups), v_in_groups.heads(0, h, d, groups),
                   out.heads(0, h, d, groups));
        std::vector<int> slot_of(x.data.size() / c, -1);
        for (int slot = 0; slot < static_cast<int>(slots); ++slot)
          if (slot % group < list.counts[static_cast<std::size_t>(slot / group * 2 + 1)])
            slot_of[static_cast<std::size_t>(list.tokens[static_cast<std::size_t>(slot)])] = slot;
        mixed = test::kept(bl::source::picked{out.source(), test::view_of(slot_of)}, test::as_is, tokens, c);
      } else {
        bl::attend(bl::host::here(), bl::attention<heads, bl::group::sorted<group>>{list.policy()},
                   both.heads(0, h, d), both.heads(c, h, d), v.heads(0, h, d), mixed.heads(0, h, d));
      }
      const auto projected = test::through(mixed.source(), test::as_is, own.out, true, tokens);
      x = test::kept(bl::source::sum{x.source(), projected.source()},
                     test::normed_by(own.after_attention, norm), tokens, c);
      const auto hidden =
          test::through(x.source(), test::as_is, own.up, true, tokens, bl::activation::gelu{});
      const auto fed = test::through(hidden.source(), test::as_is, own.down, true, tokens);
      x = test::kept(bl::source::sum{x.source(), fed.source()}, test::normed_by(own.after_feed, norm), tokens,
                     c);
    }
    return x;
  }
};

}  // namespace

TEST_CASE(
    "MSK-11 FlatFormer: pillars sorted by windows in a snake, groups of 69, two blocks of four layers along "
    "x "
    "and y, shifted by turns") {
  auto draw = test::generator();
  const flatformer model(draw);
  const auto run = [&](const std::vector<int>& counts, bool dense) {
    std::vector<bl::group::pillar> pillars;  // distinct, in no order
    std::vector<int> starts{0};
    for (int sample = 0; sample < static_cast<int>(counts.size()); ++sample) {
      std::vector<int> cells(flatformer::map_columns * flatformer::map_rows);
      for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int>(i);
      std::shuffle(cells.begin(), cells.end(), draw);
      cells.resize(static_cast<std::size_t>(counts[static_cast<std::size_t>(sample)]));
      for (const int cell : cells)
        pillars.push_back({sample, cell / flatformer::map_columns, cell % flatformer::map_columns});
      starts.push_back(static_cast<int>(pillars.size()));
    }
    const rows x = test::random_rows(draw, starts.back(), flatformer::c);
    const rows wanted = model.by_the_paper(x, pillars, static_cast<int>(counts.size()));
    CHECK(test::error(model.run(test::floats(x), pillars, starts, false), wanted) < 2e-5);
    if (dense) CHECK(test::error(model.run(test::floats(x), pillars, starts, true), wanted) < 2e-5);
  };
  run({85, 138}, true);       // the last group filled up, and full by itself
  run({150, 40, 69}, false);  // a sample of less than one group
}
