// SPDX-License-Identifier: Apache-2.0

// Windows that differ from stage to stage, blocks and grids, windows of some heads beside pooled keys of
// others; from pixels or features to features, against formulas written from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <type_traits>
#include <vector>

#include "byteloom/attend/group/grid.hpp"
#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/host/merged.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"
#include "support/swin.hpp"

namespace bl = byteloom;

namespace {
using test::rows;
}  // namespace

TEST_CASE(
    "MSK-08 Swin-Free: windows of 7, then of 14, never shifted; LayerNorm and GELU, or BatchNorm and ReLU") {
  auto draw = test::generator();
  constexpr int c = 8, images = 1;
  const std::array<int, 2> none{0, 0}, first{28, 56}, second{14, 28};
  const rows start = test::random_rows(draw, images * first[0] * first[1], c);
  const auto run = [&](const auto& norm, const auto& activation, const auto& act, int large_blocks) {
    constexpr bool is_batch = std::is_same_v<std::remove_cvref_t<decltype(norm)>, bl::norm::batch>;
    std::vector<test::swin_weights> small, large;
    for (int i = 0; i < 2; ++i) small.emplace_back(draw, c, 2, 169, 1.0f);
    for (int i = 0; i < large_blocks; ++i) large.emplace_back(draw, 2 * c, 2, 729, 1.0f);
    const test::dense merging(draw, 2 * c, 4 * c);
    const test::norm_weights of_merging(draw, 4 * c);
    auto small_found = small, large_found = large;  // what the library gets: batch norms folded
    std::map<const test::norm_weights*, test::batch_statistics> learned;
    const auto fold = [&](std::vector<test::swin_weights>& plain, std::vector<test::swin_weights>& folded) {
      for (std::size_t i = 0; i < plain.size(); ++i)
        for (const auto which : {&test::swin_weights::before_attention, &test::swin_weights::before_feed}) {
          test::norm_weights& by = folded[i].*which;
          const test::batch_statistics own(draw, static_cast<int>(by.weight.size()));
          by = test::folded(by, own, 1e-5f);
          learned.emplace(&(plain[i].*which), own);
        }
    };
    if (is_batch) {
      fold(small, small_found);
      fold(large, large_found);
    }
    const auto normed = [&](const rows& x, const test::norm_weights& by) {
      return is_batch ? test::batch_normed(x, by, learned.at(&by), 1e-5) : test::layer_normed(x, by, 1e-5);
    };
    rows wanted = start;
    for (const auto& own : small)
      wanted = test::swin_block<2>(wanted, first, {7, 7}, none, {7, 7}, own, 2, normed, act);
    wanted = test::linear(
        merging, test::layer_normed(test::merged_patches(wanted, first[0], first[1]), of_merging, 1e-5),
        false);
    for (const auto& own : large)
      wanted = test::swin_block<2>(wanted, second, {14, 14}, none, {14, 14}, own, 2, normed, act);

    test::matrix x = test::floats(start);
    for (const auto& own : small_found)
      test::run_swin_block<bl::group::windows<7, 7>, bl::score::sides<7, 7>, 2, c>(x, first, {7, 7}, none,
                                                                                   own, norm, activation);
    x = test::through(bl::source::merged_cells{x.source(), images * first[0], first[1], c},
                      test::normed_by(of_merging, bl::norm::layer{1e-5f}), merging, false, x.rows / 4);
    for (const auto& own : large_found)
      test::run_swin_block<bl::group::windows<14, 14>, bl::score::sides<14, 14>, 2, 2 * c>(
          x, second, {14, 14}, none, own, norm, activation);
    CHECK(test::error(x, wanted) < 1e-4);
  };
  run(bl::norm::layer{1e-5f}, bl::activation::gelu{}, test::gelu_of, 2);
  run(
      bl::norm::batch{}, bl::activation::relu{}, [](double x) { return x > 0 ? x : 0; }, 2);
  run(
      bl::norm::batch{}, bl::activation::relu{}, [](double x) { return x > 0 ? x : 0; }, 1);  // fewer blocks
  // four windows of 7 hold as many tokens as one of 14
  CHECK(bl::group::windows<7, 7>({14, 14}).groups() == 4);
  CHECK(bl::group::windows<7, 7>::largest == 49);
  CHECK(bl::group::windows<14, 14>::largest == 196);
}

TEST_CASE("MSK-05 HiLo: windows for some heads, averaged keys for the others, each with its projections") {
  auto draw = test::generator();
  constexpr int d = 6;
  // heads and alpha give H_lo = int(alpha H); maps are padded to multiples of s before
  const auto run = [&]<int h, int s>(std::integral_constant<int, h>, std::integral_constant<int, s>,
                                     auto low_heads, double alpha, int height, int width) {
    constexpr int low = decltype(low_heads)::value, high = h - low, model = h * d;
    CHECK(low == (s == 1 ? h : static_cast<int>(alpha * h)));
    constexpr bool has_high = high > 0, has_low = low > 0;
    const test::padded_map<2> padded({height, width}, {s, s});
    const int tall = padded.extent[0], wide = padded.extent[1], cells = tall * wide, coarse = wide / s;
    const rows map = test::random_rows(draw, height * width, model);
    const test::dense hi_qkv(draw, std::max(3 * high * d, 1), model),
        hi_out(draw, std::max(high * d, 1), std::max(high * d, 1)), lo_q(draw, std::max(low * d, 1), model),
        lo_kv(draw, std::max(2 * low * d, 1), model),
        lo_out(draw, std::max(low * d, 1), std::max(low * d, 1));

    const rows x = test::picked(map, padded.from);
    rows wanted(static_cast<std::size_t>(cells));
    const auto append = [&](const rows& y) {
      for (std::size_t i = 0; i < wanted.size(); ++i)
        wanted[i].insert(wanted[i].end(), y[i].begin(), y[i].end());
    };
    if (has_high) {
      const rows qkv = test::linear(hi_qkv, x, true);
      append(test::linear(
          hi_out,
          test::attended(test::columns_of(qkv, 0, high * d), test::columns_of(qkv, high * d, high * d),
                         test::columns_of(qkv, 2 * high * d, high * d), std::max(high, 1), std::max(high, 1),
                         [&](double dot, int, int i, int j) {
                           const bool same = i / wide / s == j / wide / s && i % wide / s == j % wide / s;
                           return same ? dot / std::sqrt(d) : test::unseen;
                         }),
          true));
    }
    if (has_low) {
      rows pooled;
      for (int r = 0; r < tall; r += s)
        for (int c = 0; c < wide; c += s) {
          pooled.emplace_back(model);
          for (int cell = 0; cell < s * s; ++cell)
            for (std::size_t i = 0; i < pooled.back().size(); ++i)
              pooled.back()[i] +=
                  x[static_cast<std::size_t>((r + cell / s) * wide + c + cell % s)][i] / (s * s);
        }
      const rows q = test::linear(lo_q, x, true), kv = test::linear(lo_kv, pooled, true);
      append(test::linear(
          lo_out,
          test::attended(q, test::columns_of(kv, 0, low * d), test::columns_of(kv, low * d, low * d),
                         std::max(low, 1), std::max(low, 1),
                         [&](double dot, int, int, int) { return dot / std::sqrt(d); }),
          true));
    }
    wanted = test::picked(wanted, padded.back);

    const auto given = test::floats(map);
    const auto input =
        test::kept(bl::source::picked{given.source(), test::view_of(padded.from)}, test::as_is, cells, model);
    using windows = bl::group::windows<s, s>;
    const auto of_high = [&] {
      return bl::attention<bl::heads<std::max(high, 1), std::max(high, 1), d>, windows>{
          windows({tall, wide})};
    };
    const bl::attention<bl::heads<std::max(low, 1), std::max(low, 1), d>, bl::keys::apart> of_low;
    const int pooled_cells = cells / (s * s);
    CHECK(pooled_cells == tall / s * coarse);
    test::matrix q(cells, model), hi, lo, mixed(cells, model), found(height * width, model);
    const auto into = [](test::matrix& out, bl::index first, bl::index count) {
      auto view = out.view();
      view.data += first;
      view.extent[1] = count;
      return view;
    };
    const auto project = [&](const auto& source, const test::dense& by, const bl::host_view<float, 2>& out) {
      bl::run(
          bl::host::here(),
          bl::stage{source, test::as_is, by.view(true),
                    bl::epilogue::plain<bl::activation::identity, test::here>{out, {}, {}}, out.extent[0]});
    };
    if (has_high) hi = test::through(input.source(), test::as_is, hi_qkv, true, cells);
    if (has_low) {
      project(input.source(), lo_q, into(q, high * d, low * d));
      lo = test::through(
          bl::source::mean_of_cells{input.source(), bl::index{tall}, bl::index{wide}, bl::index{s}},
          test::as_is, lo_kv, true, pooled_cells);
    }
    if constexpr (has_high && has_low) {
      bl::normalize(bl::host::here(), hi.source(), test::as_is, into(q, 0, high * d));
      bl::attend(bl::host::here(), bl::side_by_side{of_high(), of_low}, q.heads(0, h, d),
                 hi.heads(high * d, high, d), hi.heads(2 * high * d, high, d), lo.heads(0, low, d),
                 lo.heads(low * d, low, d), mixed.heads(0, h, d));
    } else if constexpr (has_high) {
      bl::attend(bl::host::here(), of_high(), hi.heads(0, high, d), hi.heads(high * d, high, d),
                 hi.heads(2 * high * d, high, d), mixed.heads(0, h, d));
    } else {
      bl::attend(bl::host::here(), of_low, q.heads(0, h, d), lo.heads(0, low, d), lo.heads(low * d, low, d),
                 mixed.heads(0, h, d));
    }
    // each part has an output projection of its own; their columns lie side by side
    const auto part_of = [&](bl::index first, bl::index count) {
      bl::host_view<const float, 2> part(mixed.view());
      part.data += first;
      part.extent[1] = count;
      return bl::source::picked{bl::source::rows<test::here>{part}, test::view_of(padded.back)};
    };
    if (has_high) project(part_of(0, high * d), hi_out, into(found, 0, high * d));
    if (has_low) project(part_of(high * d, low * d), lo_out, into(found, high * d, low * d));
    CHECK(test::error(found, wanted) < 1e-5);
  };
  using std::integral_constant;
  const integral_constant<int, 2> two;
  run(integral_constant<int, 4>{}, two, integral_constant<int, 2>{}, 0.5, 8, 12);  // the module's defaults
  run(integral_constant<int, 10>{}, two, integral_constant<int, 9>{}, 0.9, 6, 8);  // the paper's alpha
  run(integral_constant<int, 5>{}, two, integral_constant<int, 2>{}, 0.5, 7, 9);   // rounded down, and padded
  run(integral_constant<int, 3>{}, two, integral_constant<int, 0>{}, 0.0, 8, 6);   // Hi-Fi alone
  run(integral_constant<int, 3>{}, two, integral_constant<int, 3>{}, 1.0, 8, 6);   // Lo-Fi alone
  run(integral_constant<int, 4>{}, integral_constant<int, 1>{}, integral_constant<int, 4>{}, 0.5, 5,
      7);  // plain
  run(integral_constant<int, 4>{}, integral_constant<int, 4>{}, integral_constant<int, 2>{}, 0.5, 8, 12);
}
