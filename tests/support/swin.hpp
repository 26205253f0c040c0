// SPDX-License-Identifier: Apache-2.0
#pragma once

// The windows of Swin and its kin (arXiv 2103.14030, 2106.13230, 2306.13776) and blocks around them, as the
// authors' code has them and as the library runs them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/attend/score/lowered.hpp"
#include "byteloom/attend/score/window_bias.hpp"
#include "support/layers.hpp"
#include "support/rows.hpp"

namespace test {

/// Swin as the authors run it: roll the map back, cut it, label regions by two cuts an axis, look the bias
/// up.
template <std::size_t Axes>
struct swin_map {
  std::array<int, Axes> extent, side, shift;

  int rolled(int token, std::size_t axis) const {  // coordinate in the rolled map
    int inner = 1;
    for (std::size_t a = axis + 1; a < Axes; ++a) inner *= extent[a];
    const int cell = token / inner % extent[axis];
    return (cell - shift[axis] + extent[axis]) % extent[axis];
  }
  int region(int cell, std::size_t a) const {
    return shift[a] == 0 || cell < extent[a] - side[a] ? 0 : cell < extent[a] - shift[a] ? 1 : 2;
  }
  bool same_region(int query, int key) const {
    bool result = true;
    for (std::size_t a = 0; a < Axes; ++a)
      result = result && region(rolled(query, a), a) == region(rolled(key, a), a);
    return result;
  }
  bool sees(int query, int key) const {
    bool result = same_region(query, key);
    for (std::size_t a = 0; a < Axes; ++a)
      result = result && rolled(query, a) / side[a] == rolled(key, a) / side[a];
    return result;
  }
  int row(int query, int key) const {
    int result = 0;
    for (std::size_t a = 0; a < Axes; ++a)
      result =
          result * (2 * side[a] - 1) + rolled(query, a) % side[a] - rolled(key, a) % side[a] + side[a] - 1;
    return result;
  }
  int tokens() const {
    int result = 1;
    for (const int of : extent) result *= of;
    return result;
  }
};

/// The matrices of one block. Norms without statistics of their row are batch norms, folded.
struct swin_weights : block_weights {
  tensor<float> table;  ///< [offsets, heads]

  swin_weights(std::mt19937_64& draw, int width, int heads, int offsets, float spread)
      : block_weights(draw, width, 4 * width),
        table(random_tensor<float>(draw, spread, 1, 1, offsets, heads)) {}
};

/// A map that is padded with zeros at its ends to multiples of windows: for each cell of the padded map the
/// cell of the map, or -1, and the inverse.
template <std::size_t Axes>
struct padded_map {
  std::array<int, Axes> extent;
  std::vector<int> from, back;

  padded_map(const std::array<int, Axes>& map, const std::array<int, Axes>& side) : extent{} {
    int cells = 1;
    for (std::size_t a = 0; a < Axes; ++a) {
      extent[a] = (map[a] + side[a] - 1) / side[a] * side[a];
      cells *= extent[a];
    }
    for (int cell = 0; cell < cells; ++cell) {
      int rest = cell, place = 0, step = 1;
      bool inside = true;
      for (std::size_t a = Axes; a-- > 0;) {
        const int at = rest % extent[a];
        rest /= extent[a];
        inside = inside && at < map[a];
        place += at * step;
        step *= map[a];
      }
      from.push_back(inside ? place : -1);
      if (inside) back.push_back(cell);
    }
  }
};

/// One block over images of the map, by the papers' text. `window` is the whole window; along an axis that is
/// no longer, the window is the side and nothing shifts. Offsets are looked up in the table of `indexed`
/// sides, as if slots counted in a window of those.
template <std::size_t Axes>
rows swin_block(const rows& x, const std::array<int, Axes>& map, const std::array<int, Axes>& window,
                const std::array<int, Axes>& shift, const std::array<int, Axes>& indexed,
                const swin_weights& by, int heads,
                const std::function<rows(const rows&, const norm_weights&)>& normed,
                const std::function<double(double)>& activation) {
  swin_map<Axes> rolled{{}, {}, {}};
  for (std::size_t a = 0; a < Axes; ++a) {
    rolled.side[a] = std::min(window[a], map[a]);
    rolled.shift[a] = map[a] <= window[a] ? 0 : shift[a];
  }
  const padded_map<Axes> padded(map, rolled.side);
  rolled.extent = padded.extent;
  const auto row_of = [&](int query, int key) {
    const auto slot = [&](int token) {
      int result = 0;
      for (std::size_t a = 0; a < Axes; ++a)
        result = result * rolled.side[a] + rolled.rolled(token, a) % rolled.side[a];
      return result;
    };
    int a_slot = slot(query), b_slot = slot(key), row = 0, base = 1;
    for (std::size_t a = Axes; a-- > 0;) {
      row += base * (a_slot % indexed[a] - b_slot % indexed[a] + indexed[a] - 1);
      base *= 2 * indexed[a] - 1;
      a_slot /= indexed[a];
      b_slot /= indexed[a];
    }
    return row;
  };
  const int width = static_cast<int>(x[0].size());
  const std::size_t cells = padded.back.size();
  const auto windows_of = [&](const rows& of) {
    rows mixed;
    for (std::size_t image = 0; image * cells < of.size(); ++image) {
      const rows own(of.begin() + static_cast<std::ptrdiff_t>(image * cells),
                     of.begin() + static_cast<std::ptrdiff_t>((image + 1) * cells));
      const rows qkv = linear(by.qkv, picked(own, padded.from), true);
      std::map<std::array<int, Axes>, std::vector<int>> windows;
      for (int cell = 0; cell < static_cast<int>(qkv.size()); ++cell) {
        std::array<int, Axes> which{};
        for (std::size_t a = 0; a < Axes; ++a) which[a] = rolled.rolled(cell, a) / rolled.side[a];
        windows[which].push_back(cell);
      }
      rows all(qkv.size());
      for (const auto& [which, tokens] : windows) {
        const rows part = picked(qkv, tokens);
        const auto token = [&tokens = tokens](int i) { return tokens[static_cast<std::size_t>(i)]; };
        const rows of_window = self_attended(
            part, static_cast<int>(part.size()), heads, [&](double product, int head, int query, int key) {
              return product / std::sqrt(static_cast<double>(width) / heads) +
                     static_cast<double>(by.table.matrix()(row_of(token(query), token(key)), head)) +
                     (rolled.same_region(token(query), token(key)) ? 0.0 : -100.0);
            });
        for (std::size_t n = 0; n < tokens.size(); ++n)
          all[static_cast<std::size_t>(tokens[n])] = of_window[n];
      }
      const rows cropped = picked(all, padded.back);
      mixed.insert(mixed.end(), cropped.begin(), cropped.end());
    }
    return mixed;
  };
  return block(x, by, normed, windows_of, activation);
}

/// The same by the library: windows of `Window`, offsets of `Sides`.
template <class Window, class Sides, int Heads, int Width, std::size_t Axes, class Norm, class Activation>
void run_swin_block(matrix& x, const std::array<int, Axes>& map, const std::array<int, Axes>& window,
                    const std::array<int, Axes>& shift, const swin_weights& by, const Norm& norm,
                    const Activation& activation) {
  std::array<int, Axes> side{};
  for (std::size_t a = 0; a < Axes; ++a) side[a] = std::min(window[a], map[a]);
  const padded_map<Axes> padded(map, side);
  constexpr int d = Width / Heads;
  using regions = bl::mask::windows<static_cast<int>(Axes)>;
  using lowered = bl::score::lowered<regions>;
  using bias = bl::score::window_bias<Sides>;
  const bl::attention<bl::heads<Heads, Heads, d>, Window, bias, lowered> spec{
      Window(padded.extent, shift), bias(by.table.matrix()), lowered(regions(padded.extent, window, shift))};
  const auto cells = static_cast<bl::index>(padded.back.size()),
             all = static_cast<bl::index>(padded.from.size());
  const bl::index images = x.rows / cells;
  std::vector<int> from, back;
  for (int image = 0; image < static_cast<int>(images); ++image) {
    for (const int cell : padded.from) from.push_back(cell < 0 ? -1 : image * static_cast<int>(cells) + cell);
    for (const int cell : padded.back) back.push_back(image * static_cast<int>(all) + cell);
  }
  const auto attend = [&](const auto& source, const auto& before) {
    const auto normed = kept(source, before, x.rows, Width);
    const auto mixed = self_attended(
        spec, through(bl::source::picked{normed.source(), view_of(from)}, as_is, by.qkv, true, images * all),
        images);
    return kept(bl::source::picked{mixed.source(), view_of(back)}, as_is, x.rows, Width);
  };
  run_block(x, by, norm, attend, activation);
}

/// Patch merging by the papers' text: the 2 x 2 neighbours in the order (0, 0), (1, 0), (0, 1), (1, 1).
inline rows merged_patches(const rows& x, int height, int width) {
  rows result;
  const int images = static_cast<int>(x.size()) / (height * width);
  for (int image = 0; image < images; ++image)
    for (int r = 0; r < height; r += 2)
      for (int c = 0; c < width; c += 2) {
        result.emplace_back();
        for (const auto& [dr, dc] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
          const vector& own = x[static_cast<std::size_t>((image * height + r + dr) * width + c + dc)];
          result.back().insert(result.back().end(), own.begin(), own.end());
        }
      }
  return result;
}

}  // namespace test
