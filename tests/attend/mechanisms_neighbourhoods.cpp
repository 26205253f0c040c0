// SPDX-License-Identifier: Apache-2.0

// The Neighborhood Attention Transformer (Hassani et al., arXiv 2204.07143), from pixels to classes, with the
// dilation of DiNAT (arXiv 2209.15001) and the windows of newer NATTEN, against formulas written from the
// papers and what the authors' code adds to them.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/attend/copy_to.hpp"
#include "byteloom/attend/mask/neighbourhood.hpp"
#include "byteloom/attend/score/dilated.hpp"
#include "byteloom/attend/score/relative_bias.hpp"
#include "byteloom/attend/score/scale.hpp"
#include "byteloom/compose/convolution.hpp"
#include "support/layers.hpp"
#include "support/maps.hpp"
#include "support/random.hpp"
#include "support/swin.hpp"

namespace bl = byteloom;

namespace {

using test::rows;
using pair = std::array<int, 2>;

constexpr int head_size = 8;

enum class bias {
  after_scale,   // q k / sqrt(d) + B: the code
  before_scale,  // (q k + B) / sqrt(d): the paper
  none           // newer NATTEN
};

struct setting {
  pair window, dilation{1, 1};
  bias order = bias::after_scale;
  std::array<bool, 2> causal{};
  pair stride{1, 1};
};

struct layer {
  setting of;
  test::block_weights matrices;
  test::random_table table;  ///< [head, (2 k - 1)^2], of the window's sides where they differ

  layer(std::mt19937_64& draw, const setting& chosen, int width)
      : of(chosen),
        matrices(draw, width, 3 * width),
        table(draw, 1.0f, width / head_size, (2 * of.window[0] - 1) * (2 * of.window[1] - 1)) {}
};

struct level {
  std::vector<layer> layers;
  std::optional<std::pair<test::dense, test::norm_weights>> down;  ///< none behind the last level
};

struct model {
  test::dense first, second;
  test::norm_weights after_tokens, last;
  test::dense head;
  std::vector<level> levels;
};

const auto normed = [](const rows& x, const test::norm_weights& by) {
  return test::layer_normed(x, by, 1e-5);
};

/// A map with zeros at its bottom and right until every side holds its dilated window.
test::padded_map<2> padded(const pair& map, const setting& by) {
  pair side = map;
  for (std::size_t a = 0; a < 2; ++a) side[a] = std::max(map[a], by.window[a] * by.dilation[a]);
  return {map, side};
}

/// Whether a query at cell i of an axis sees key j, counted on the sub-grid of cells equal modulo the
/// dilation.
bool sees(int i, int j, int length, int window, int dilation, bool causal, int stride) {
  if (i % dilation != j % dilation) return false;
  const int line = (length - i % dilation + dilation - 1) / dilation, at = i / dilation, key = j / dilation;
  if (causal) {
    const int leader = std::min(at / stride * stride + stride - 1, line - 1);
    return key >= std::max(leader - window + 1, 0) && key <= at;
  }
  const int leader = std::min(at / stride * stride + stride / 2, line - 1);
  const int first = std::clamp(leader - window / 2, 0, line - window);
  return key >= first && key < first + window;
}

rows attended(const rows& x, const pair& map, const layer& by) {
  const setting& of = by.of;
  const auto filled = padded(map, of);
  const int heads = static_cast<int>(x[0].size()) / head_size, cells = map[0] * map[1];
  rows result;
  for (auto image = x.begin(); image != x.end(); image += cells) {
    const rows qkv =
        test::linear(by.matrices.qkv, test::picked(rows(image, image + cells), filled.from), true);
    const rows all = test::self_attended(
        qkv, static_cast<int>(qkv.size()), heads, [&](double dot, int head, int query, int key) {
          const pair i{query / filled.extent[1], query % filled.extent[1]},
              j{key / filled.extent[1], key % filled.extent[1]};
          int column = 0;
          for (std::size_t a = 0; a < 2; ++a) {
            if (!sees(i[a], j[a], filled.extent[a], of.window[a], of.dilation[a], of.causal[a], of.stride[a]))
              return test::unseen;
            column = column * (2 * of.window[a] - 1) + (j[a] - i[a]) / of.dilation[a] + of.window[a] - 1;
          }
          if (of.order == bias::none) return dot / std::sqrt(head_size);
          const double offset = static_cast<double>(by.table.matrix()(head, column));
          return of.order == bias::after_scale ? dot / std::sqrt(head_size) + offset
                                               : (dot + offset) / std::sqrt(head_size);
        });
    const rows cropped = test::picked(all, filled.back);
    result.insert(result.end(), cropped.begin(), cropped.end());
  }
  return result;
}

/// Logits [image, class] by the text.
rows by_text(const model& of, const rows& pixels, pair map) {
  const test::filter_shape halving{3, 2, 1, 1};
  const auto halve = [&] {
    for (int& side : map) side = halving.outputs(side);
  };
  rows x = test::convolved(pixels, map[0], map[1], halving, of.first, true);
  halve();
  x = normed(test::convolved(x, map[0], map[1], halving, of.second, true), of.after_tokens);
  halve();
  for (const level& own : of.levels) {
    for (const layer& by : own.layers)
      x = test::block(
          x, by.matrices, normed, [&](const rows& y) { return attended(y, map, by); }, test::gelu_of);
    if (!own.down) continue;
    x = normed(test::convolved(x, map[0], map[1], halving, own.down->first, false), own.down->second);
    halve();
  }
  return test::linear(of.head, test::mean_of(normed(x, of.last), map[0] * map[1]), true);
}

using heads = bl::heads<bl::dynamic, bl::dynamic, head_size>;
using near = bl::mask::neighbourhood<2>;
using offsets = bl::score::relative_bias<2, bl::score::offset::key_minus_query>;
using steps = bl::score::dilated<2, offsets>;
constexpr bl::norm::layer norm{1e-5f};

/// The attention of a block over images of a map.
test::matrix attend(const test::matrix& x, const bl::normed<bl::norm::layer>& before, const pair& map,
                    const layer& by) {
  const setting& of = by.of;
  const auto filled = padded(map, of);
  const bl::index cells = map[0] * map[1], all = static_cast<bl::index>(filled.from.size()),
                  images = x.rows / cells;
  std::vector<int> from, back;
  for (int image = 0; image < images; ++image) {
    for (const int cell : filled.from) from.push_back(cell < 0 ? -1 : image * static_cast<int>(cells) + cell);
    for (const int cell : filled.back) back.push_back(image * static_cast<int>(all) + cell);
  }
  const auto y = test::kept(x.source(), before, x.rows, x.columns);
  const auto qkv = test::through(bl::source::picked{y.source(), test::view_of(from)}, test::as_is,
                                 by.matrices.qkv, true, images * all);
  const int count = static_cast<int>(x.columns) / head_size;
  const heads shape{{count}, {count}, {}, {}};
  const near mask(filled.extent, of.window, of.dilation, of.causal, of.stride);
  const bl::raster<2> tokens{{filled.extent[0], filled.extent[1]}},
      dilation{{of.dilation[0], of.dilation[1]}};
  const steps table(
      offsets(by.table.transposed(), steps::coarse(tokens, dilation), {{of.window[0], of.window[1]}}), tokens,
      dilation);
  const auto mixed = [&] {
    if (of.order == bias::after_scale) {
      const bl::attention<heads, near, steps> spec{shape, mask, table};
      const auto copied = bl::copy_to(bl::host::here(), spec);  // holds the table itself
      return test::self_attended(copied.spec(), qkv, images);
    }
    if (of.order == bias::before_scale)
      return test::self_attended(
          bl::attention<heads, near, steps, bl::score::scale>{
              shape, mask, table, bl::score::scale{1 / std::sqrt(static_cast<float>(head_size))}},
          qkv, images);
    return test::self_attended(bl::attention<heads, near>{shape, mask}, qkv, images);
  }();
  return test::kept(bl::source::picked{mixed.source(), test::view_of(back)}, test::as_is, x.rows, x.columns);
}

/// The convolutions of a map, halved, and the norm behind the last of them; the map becomes what is left.
test::matrix halved(const test::matrix& x, pair& map, const test::dense& filters, bool biased) {
  const bl::source::filter by{3, 2, 1, 1};
  const bl::index images = x.rows / (map[0] * map[1]);
  const bl::source::unfolded covered(x.source(), bl::index{map[0]}, bl::index{map[1]}, x.columns, by);
  for (int& side : map) side = static_cast<int>(by.outputs(side));
  return test::through(covered, test::as_is, filters, biased, images * map[0] * map[1]);
}
void normalize(test::matrix& x, const test::norm_weights& by) {
  bl::normalize(bl::host::here(), x.source(), test::normed_by(by, norm), x.view());
}

test::matrix tokens_of(const model& of, const test::matrix& pixels, pair& map) {
  test::matrix x = halved(halved(pixels, map, of.first, true), map, of.second, true);
  normalize(x, of.after_tokens);
  return x;
}

void run_layer(test::matrix& x, const pair& map, const layer& by) {
  test::run_block(
      x, by.matrices, norm,
      [&](const auto&, const bl::normed<bl::norm::layer>& before) { return attend(x, before, map, by); },
      bl::activation::gelu{});
}

/// The same by the library.
test::matrix by_library(const model& of, const test::matrix& pixels, pair map) {
  test::matrix x = tokens_of(of, pixels, map);
  for (const level& own : of.levels) {
    for (const layer& by : own.layers) run_layer(x, map, by);
    if (!own.down) continue;
    x = halved(x, map, own.down->first, false);
    normalize(x, own.down->second);
  }
  normalize(x, of.last);
  const bl::index cells = map[0] * map[1];
  return test::through(bl::source::mean_of_rows<test::here>{x.view(), cells}, test::as_is, of.head, true,
                       x.rows / cells);
}

}  // namespace

TEST_CASE(
    "MSK-12 NAT: convolutions to tokens, neighbourhoods with their bias in both orders, dilated, padded, "
    "even, causal and strided, downsampling") {
  auto draw = test::generator();
  constexpr int c = 2 * head_size, images = 2;
  const pair map{40, 56};
  model of{{draw, c / 2, 27}, {draw, c, 9 * c / 2}, {draw, c}, {draw, 4 * c}, {draw, 7, 4 * c}, {}};
  const std::vector<std::vector<setting>> chosen{
      {{{3, 3}},
       {{5, 5}, {1, 2}},
       {{3, 3}, {3, 3}},
       {{5, 5}, {1, 1}, bias::before_scale},
       {{4, 6}, {1, 1}, bias::none},
       {{4, 3}, {2, 1}, bias::none, {true, false}, {1, 2}},
       {{3, 6}, {1, 2}, bias::none, {false, true}, {2, 3}}},               // 10 x 14
      {{{7, 7}}, {{3, 3}, {2, 2}}, {{5, 5}, {2, 1}, bias::before_scale}},  // 5 x 7, most of them padded
      {{{3, 3}}, {{5, 5}}}};                                               // 3 x 4
  for (std::size_t l = 0; l < chosen.size(); ++l) {
    const int width = c << l;
    of.levels.emplace_back();
    for (const setting& own : chosen[l]) of.levels.back().layers.emplace_back(draw, own, width);
    if (l + 1 < chosen.size())
      of.levels.back().down.emplace(test::dense(draw, 2 * width, 9 * width),
                                    test::norm_weights(draw, 2 * width));
  }
  const rows pixels = test::random_rows(draw, images * map[0] * map[1], 3);
  CHECK(test::error(by_library(of, test::floats(pixels), map), by_text(of, pixels, map)) < 1e-5);

  // k keys along each axis wherever the query stands, so that pairs are linear in tokens; all where k = L
  const auto kept = [](const near& by, int tokens) {
    int pairs = 0;
    for (int i = 0; i < tokens; ++i)
      for (int j = 0; j < tokens; ++j) pairs += by.keep(bl::site{0, 0, 0, i, j, tokens, tokens});
    return pairs;
  };
  CHECK(kept(near({10, 14}, {5, 5}), 140) == 140 * 25);
  CHECK(kept(near({20, 14}, {5, 5}), 280) == 2 * 140 * 25);
  CHECK(kept(near({5, 7}, {5, 7}), 35) == 35 * 35);
  CHECK_THROWS_WITH_AS(near({5, 7}, {7, 7}).validate(), doctest::Contains("pad the map"), bl::argument_error);

  // where no border is near, tokens move with the image: the second one is the first, moved by one token
  rows wide = test::random_rows(draw, map[0] * (map[1] + 4), 3), both;
  for (const int moved : {0, 4})
    for (int y = 0; y < map[0]; ++y)
      for (int x = 0; x < map[1]; ++x)
        both.push_back(wide[static_cast<std::size_t>(y * (map[1] + 4) + x + moved)]);
  pair tokens = map;
  test::matrix x = tokens_of(of, test::floats(both), tokens);
  run_layer(x, tokens, of.levels[0].layers[0]);
  for (int row = 2; row < 8; ++row)
    for (int column = 3; column < 11; ++column)
      for (int k = 0; k < c; ++k)
        CHECK(x.view()(row * 14 + column, k) ==
              doctest::Approx(x.view()(140 + row * 14 + column - 1, k)).epsilon(1e-4));
}
