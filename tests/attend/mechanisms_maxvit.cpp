// SPDX-License-Identifier: Apache-2.0

// MaxViT (Tu et al., arXiv 2204.01697), from pixels to classes, against formulas written from the paper, with
// what timm's implementation adds to it.

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/attend/group/grid.hpp"
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/score/window_bias.hpp"
#include "byteloom/compose/convolution.hpp"
#include "support/layers.hpp"
#include "support/maps.hpp"
#include "support/random.hpp"
#include "support/swin.hpp"

namespace bl = byteloom;

namespace {

using test::rows;
using pair = std::array<int, 2>;

constexpr int head_size = 32;

struct batch_norm {
  test::norm_weights weights;
  test::batch_statistics statistics;

  batch_norm(std::mt19937_64& draw, int size) : weights(draw, size), statistics(draw, size) {}
  rows operator()(const rows& x) const { return test::batch_normed(x, weights, statistics, 1e-5); }
};

/// An inverted bottleneck; with another width behind it than before, it halves the map.
struct mbconv {
  batch_norm before, behind_expand, behind_filters;
  test::dense expand;
  test::tensor<float> filters;  ///< [3 x 3, 4 out]
  test::dense squeeze, excite, project;
  std::optional<test::dense> shortcut;

  mbconv(std::mt19937_64& draw, int in, int out)
      : before(draw, in),
        behind_expand(draw, 4 * out),
        behind_filters(draw, 4 * out),
        expand(draw, 4 * out, in),
        filters(test::random_tensor<float>(draw, 0.5f, 1, 1, 9, 4 * out)),
        squeeze(draw, out / 4, 4 * out),
        excite(draw, 4 * out, out / 4),
        project(draw, out, 4 * out) {
    if (in != out) shortcut.emplace(draw, out, in);
  }
  int stride() const { return shortcut ? 2 : 1; }
};

struct block {
  mbconv convolution;
  test::swin_weights within, across;  ///< block attention and grid attention

  block(std::mt19937_64& draw, int in, int out, int offsets)
      : convolution(draw, in, out),
        within(draw, out, out / head_size, offsets, 1.0f),
        across(draw, out, out / head_size, offsets, 1.0f) {}
};

struct maxvit {
  test::dense first, second;
  batch_norm between;
  std::vector<block> blocks;
  test::norm_weights last;
  test::dense head;

  /// Stages of the widths, `depth` blocks each.
  maxvit(std::mt19937_64& draw, const std::vector<int>& widths, int depth, const pair& side)
      : first(draw, 8, 27),
        second(draw, 8, 72),
        between(draw, 8),
        last(draw, widths.back()),
        head(draw, 5, widths.back()) {
    int in = 8;
    for (const int width : widths)
      for (int i = 0; i < depth; ++i)
        blocks.emplace_back(draw, std::exchange(in, width), width, (2 * side[0] - 1) * (2 * side[1] - 1));
  }
};

rows by_text(const mbconv& by, const rows& x, pair& map) {
  const test::filter_shape filter{3, by.stride(), 1, 1}, pool{2, 2, 0, 0};
  rows kept = x;
  if (by.shortcut) {
    rows pooled(test::outputs_of(x, map[0], map[1], pool), test::vector(x[0].size()));
    test::for_each_covered(static_cast<int>(x.size()), map[0], map[1], pool,
                           [&](std::size_t output, int, int, std::size_t cell) {
                             for (std::size_t c = 0; c < x[0].size(); ++c)
                               pooled[output][c] += x[cell][c] / 4;
                           });
    kept = test::linear(*by.shortcut, pooled, true);
  }
  rows y = test::each(by.behind_expand(test::linear(by.expand, by.before(x), false)), test::gelu_of);
  y = test::convolved_by_channel(y, map[0], map[1], filter, by.filters);
  y = test::each(by.behind_filters(y), test::gelu_of);
  for (int& side : map) side = filter.outputs(side);
  const int cells = map[0] * map[1];
  const rows squeezed = test::each(test::linear(by.squeeze, test::mean_of(y, cells), true),
                                   [](double v) { return v / (1 + std::exp(-v)); });
  const rows gates =
      test::each(test::linear(by.excite, squeezed, true), [](double v) { return 1 / (1 + std::exp(-v)); });
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t c = 0; c < y[i].size(); ++c) y[i][c] *= gates[i / static_cast<std::size_t>(cells)][c];
  return test::added(kept, test::linear(by.project, y, true));
}

/// Where a cell stands along an axis of `length` cells: its window, and its slot there.
struct place {
  int window, slot;
};
place in_block(int cell, int, int side) { return {cell / side, cell % side}; }
place in_grid(int cell, int length, int side) { return {cell % (length / side), cell / (length / side)}; }

rows attended(const test::swin_weights& by, const rows& x, const pair& map, const pair& side,
              place (*of)(int, int, int)) {
  const rows qkv = test::linear(by.qkv, x, true);
  std::map<std::array<int, 3>, std::vector<int>> windows;  // image, window's row, window's column
  const auto at = [&](int cell, std::size_t axis) {
    const int own = cell % (map[0] * map[1]);
    return of(axis == 0 ? own / map[1] : own % map[1], map[axis], side[axis]);
  };
  for (int cell = 0; cell < static_cast<int>(x.size()); ++cell)
    windows[{cell / (map[0] * map[1]), at(cell, 0).window, at(cell, 1).window}].push_back(cell);
  rows result(x.size());
  for (const auto& entry : windows) {
    const std::vector<int>& cells = entry.second;
    const rows mixed = test::self_attended(
        test::picked(qkv, cells), static_cast<int>(cells.size()), static_cast<int>(x[0].size()) / head_size,
        [&](double dot, int head, int query, int key) {
          int row = 0;
          for (std::size_t a = 0; a < 2; ++a)
            row = row * (2 * side[a] - 1) + at(cells[static_cast<std::size_t>(query)], a).slot -
                  at(cells[static_cast<std::size_t>(key)], a).slot + side[a] - 1;
          return dot / std::sqrt(head_size) + static_cast<double>(by.table.matrix()(row, head));
        });
    for (std::size_t i = 0; i < cells.size(); ++i) result[static_cast<std::size_t>(cells[i])] = mixed[i];
  }
  return result;
}

/// Features [image and cell, width] by the text.
rows by_text(const maxvit& of, const rows& pixels, pair map, const pair& side) {
  const test::filter_shape halving{3, 2, 1, 1}, keeping{3, 1, 1, 1};
  const auto normed = [](const rows& x, const test::norm_weights& by) {
    return test::layer_normed(x, by, 1e-6);
  };
  rows x = test::convolved(pixels, map[0], map[1], halving, of.first, false);
  for (int& cells : map) cells = halving.outputs(cells);
  x = test::convolved(test::each(of.between(x), test::gelu_of), map[0], map[1], keeping, of.second, false);
  for (const block& by : of.blocks) {
    x = by_text(by.convolution, x, map);
    const auto run = [&](const test::swin_weights& matrices, place (*places)(int, int, int)) {
      x = test::block(
          x, matrices, normed, [&](const rows& y) { return attended(matrices, y, map, side, places); },
          test::gelu_of);
    };
    run(by.within, in_block);
    run(by.across, in_grid);
  }
  return normed(x, of.last);
}

/// gelu(batch norm(x)).
test::matrix activated(const test::matrix& x, const batch_norm& by) {
  const auto weights = test::folded(by.weights, by.statistics, 1e-5f);
  const auto normed = test::kept(x.source(), test::normed_by(weights, bl::norm::batch{}), x.rows, x.columns);
  return test::kept(bl::source::activated{normed.source(), bl::activation::gelu{}}, test::as_is, x.rows,
                    x.columns);
}

test::matrix by_library(const mbconv& by, const test::matrix& x, pair& map) {
  const auto before = test::folded(by.before.weights, by.before.statistics, 1e-5f);
  const bl::source::filter filter{3, by.stride(), 1, 1};
  const bl::index height = map[0], width = map[1], images = x.rows / (height * width);
  for (int& side : map) side = static_cast<int>(filter.outputs(side));
  const bl::index cells = map[0] * map[1];
  test::matrix y = activated(
      test::through(x.source(), test::normed_by(before, bl::norm::batch{}), by.expand, false, x.rows),
      by.behind_expand);
  y = activated(test::kept(bl::source::depthwise(y.source(), height, width, filter, by.filters.matrix()),
                           test::as_is, images * cells, y.columns),
                by.behind_filters);
  const auto squeezed = test::through(bl::source::mean_of_rows<test::here>{y.view(), cells}, test::as_is,
                                      by.squeeze, true, images, bl::activation::silu{});
  const auto gates =
      test::through(squeezed.source(), test::as_is, by.excite, true, images, bl::activation::sigmoid{});
  test::matrix result =
      by.shortcut ? test::through(bl::source::mean_of_cells{x.source(), height, width, bl::index{2}},
                                  test::as_is, *by.shortcut, true, images * cells)
                  : x;
  test::add_through(result, bl::source::product{y.source(), bl::source::repeated{gates.source(), cells}},
                    test::as_is, by.project, true);
  return result;
}

template <class Group, int Down, int Across>
using partition = bl::attention<bl::heads<bl::dynamic, bl::dynamic, head_size>, Group,
                                bl::score::window_bias<bl::score::sides<Down, Across>>>;

template <int Down, int Across, class Group>
auto partition_of(const Group& group, const test::tensor<float>& table) {
  const int heads = static_cast<int>(table.extent[3]);
  return partition<Group, Down, Across>{
      bl::heads<bl::dynamic, bl::dynamic, head_size>{{heads}, {heads}, {}, {}}, group,
      bl::score::window_bias<bl::score::sides<Down, Across>>(table.matrix())};
}

/// The same by the library.
template <int Down, int Across>
test::matrix by_library(const maxvit& of, const test::matrix& pixels, pair map) {
  const bl::index images = pixels.rows / (map[0] * map[1]);
  const bl::norm::layer norm{1e-6f};
  const auto convolved = [&](const test::matrix& x, const test::dense& filters, bl::index stride) {
    const bl::source::filter by{3, stride, 1, 1};
    const bl::source::unfolded covered(x.source(), bl::index{map[0]}, bl::index{map[1]}, x.columns, by);
    for (int& side : map) side = static_cast<int>(by.outputs(side));
    return test::through(covered, test::as_is, filters, false, images * map[0] * map[1]);
  };
  test::matrix x = convolved(activated(convolved(pixels, of.first, 2), of.between), of.second, 1);
  for (const block& by : of.blocks) {
    x = by_library(by.convolution, x, map);
    const auto run = [&](const auto& group, const test::swin_weights& weights) {
      const auto attend = [&](const auto& source, const auto& before) {
        return test::self_attended(partition_of<Down, Across>(group, weights.table),
                                   test::through(source, before, weights.qkv, true, x.rows), images);
      };
      test::run_block(x, weights, norm, attend, bl::activation::gelu{});
    };
    run(bl::group::windows<Down, Across>({map[0], map[1]}), by.within);
    run(bl::group::grid<Down, Across>({map[0], map[1]}), by.across);
  }
  bl::normalize(bl::host::here(), x.source(), test::normed_by(of.last, norm), x.view());
  return x;
}

template <int Down, int Across>
void check(std::mt19937_64& draw, const std::vector<int>& widths, int depth, int images) {
  constexpr pair side{Down, Across};
  const pair map{32 * Down, 32 * Across};  // sides of windows and grids are an image's over 32
  const maxvit of(draw, widths, depth, side);
  const rows pixels = test::random_rows(draw, images * map[0] * map[1], 3);
  const test::matrix found = by_library<Down, Across>(of, test::floats(pixels), map);
  const rows wanted = by_text(of, pixels, map, side);
  CHECK(test::error(found, wanted) < 1e-5);
  const int cells = static_cast<int>(wanted.size()) / images;
  CHECK(test::error(test::through(bl::source::mean_of_rows<test::here>{found.view(), bl::index{cells}},
                                  test::as_is, of.head, true, images),
                    test::linear(of.head, test::mean_of(wanted, cells), true)) < 1e-5);

  // a grid is another list of tokens for the attention of windows
  const int height = 4 * Down, width = 3 * Across;
  const test::matrix qkv = test::floats(test::random_rows(draw, height * width, 3 * head_size));
  const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, (2 * Down - 1) * (2 * Across - 1), 1);
  std::vector<int> listed(static_cast<std::size_t>(height * width));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const place down = in_grid(y, height, Down), across = in_grid(x, width, Across);
      listed[static_cast<std::size_t>(((down.window * 3 + across.window) * Down + down.slot) * Across +
                                      across.slot)] = y * width + x;
    }
  const auto mixed = test::self_attended(
      partition_of<Down, Across>(bl::group::grid<Down, Across>({height, width}), table), qkv, 1);
  const bl::group::windows<Down * Across> run({height * width});
  const auto of_list = test::self_attended(
      partition_of<Down, Across>(run, table),
      test::kept(bl::source::picked{qkv.source(), test::view_of(listed)}, test::as_is, qkv.rows, qkv.columns),
      1);
  CHECK(test::kept(bl::source::picked{mixed.source(), test::view_of(listed)}, test::as_is, mixed.rows,
                   mixed.columns)
            .data == of_list.data);
}

}  // namespace

TEST_CASE(
    "MSK-09 MaxViT: MBConv with squeeze and excitation, block and grid attention with bias, feed-forward") {
  auto draw = test::generator();
  check<7, 7>(draw, {32}, 1, 1);  // 224 x 224
  check<3, 5>(draw, {32, 64}, 2, 2);
  // pairs are linear in tokens: each sees as many keys as a window or a grid has
  const auto pairs = [](const auto& groups) {
    int result = 0;
    for (int g = 0; g < groups.groups(); ++g) result += groups.size(g) * groups.size(g);
    return result;
  };
  for (const int rows_of_map : {14, 56}) {
    CHECK(pairs(bl::group::windows<7, 7>({rows_of_map, 21})) == rows_of_map * 21 * 49);
    CHECK(pairs(bl::group::grid<7, 7>({rows_of_map, 21})) == rows_of_map * 21 * 49);
  }
  CHECK_THROWS_AS((bl::group::windows<7, 7>({14, 20}).validate()), bl::argument_error);
  CHECK_THROWS_AS((bl::group::grid<7, 7>({20, 14}).validate()), bl::argument_error);
}
