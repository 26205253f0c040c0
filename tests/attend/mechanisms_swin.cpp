// SPDX-License-Identifier: Apache-2.0

// Transformers over windows of an image or a video, from pixels to the features of their stages, against
// formulas written from the papers.

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "byteloom/embed/patches.hpp"
#include "byteloom/tokenize/patches.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"
#include "support/swin.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

const auto layer_norm = [](const rows& x, const test::norm_weights& by) {
  return test::layer_normed(x, by, 1e-5);
};

/// Patches of images [images, height, width, channels] as rows, in the order (y, x, channel).
rows patches_of(const test::tensor<float>& images, int size) {
  rows result;
  const auto all = images.view();
  for (int n = 0; n < all.extent[0]; ++n)
    for (int y = 0; y < all.extent[1]; y += size)
      for (int x = 0; x < all.extent[2]; x += size) {
        result.emplace_back();
        for (int py = 0; py < size; ++py)
          for (int px = 0; px < size; ++px)
            for (int c = 0; c < all.extent[3]; ++c)
              result.back().push_back(static_cast<double>(all(n, y + py, x + px, c)));
      }
  return result;
}

}  // namespace

TEST_CASE("MSK-06 Swin: patches, windows and shifted windows with bias and -100 between regions, merging") {
  auto draw = test::generator();
  constexpr int c = 12, images = 2;
  const std::array<int, 2> first{10, 18}, second{5, 9}, window{7, 7}, shift{3, 3}, none{0, 0};
  const auto pixels = test::random_tensor<float>(draw, 1.0f, images, 4 * first[0], 4 * first[1], 3);
  const test::dense embedding(draw, c, 48), merging(draw, 2 * c, 4 * c);
  const test::norm_weights of_embedding(draw, c), of_merging(draw, 4 * c);
  // where the bias spreads far, a key 100 lower may be the highest
  std::vector<test::swin_weights> stage_1, stage_2;
  for (const float spread : {1.0f, 60.0f}) {
    stage_1.emplace_back(draw, c, 2, 13 * 13, spread);
    stage_2.emplace_back(draw, 2 * c, 4, 9 * 13, spread);
  }

  rows x = test::layer_normed(test::linear(embedding, patches_of(pixels, 4), true), of_embedding, 1e-5);
  for (std::size_t i = 0; i < 2; ++i)
    x = test::swin_block<2>(x, first, window, i == 0 ? none : shift, window, stage_1[i], 2, layer_norm,
                            test::gelu_of);
  x = test::linear(merging, test::layer_normed(test::merged_patches(x, first[0], first[1]), of_merging, 1e-5),
                   false);
  // rows fit one window, columns do not
  for (std::size_t i = 0; i < 2; ++i)
    x = test::swin_block<2>(x, second, window, i == 0 ? none : shift, {5, 7}, stage_2[i], 4, layer_norm,
                            test::gelu_of);

  const bl::norm::layer norm{1e-5f};
  const bl::activation::gelu gelu;
  const bl::tokenizer::patches<4, 4> patches;
  const bl::index tokens = images * patches.tokens(4 * first[0], 4 * first[1]);
  test::matrix found =
      test::through(bl::embed::source<bl::tokenizer::patches<4, 4>, test::here>{pixels.view(), patches},
                    test::as_is, embedding, true, tokens);
  bl::normalize(bl::host::here(), found.source(), test::normed_by(of_embedding, norm), found.view());
  for (std::size_t i = 0; i < 2; ++i)
    test::run_swin_block<bl::group::windows<7, 7>, bl::score::sides<7, 7>, 2, c>(
        found, first, window, i == 0 ? none : shift, stage_1[i], norm, gelu);
  found = test::through(bl::source::merged_cells{found.source(), images * first[0], first[1], c},
                        test::normed_by(of_merging, norm), merging, false, tokens / 4);
  for (std::size_t i = 0; i < 2; ++i)
    test::run_swin_block<bl::group::windows<5, 7>, bl::score::sides<5, 7>, 4, 2 * c>(
        found, second, {5, 7}, i == 0 ? none : std::array<int, 2>{0, 3}, stage_2[i], norm, gelu);
  CHECK(test::error(found, x) < 1e-4);

  // products of a layer's projections and of its windows: 4 hw C^2 + 2 M^2 hw C, linear in the map
  const bl::group::windows<7, 7> cut({14, 21});
  double products = 4.0 * 14 * 21 * c * c;
  for (int g = 0; g < cut.groups(); ++g) products += 2.0 * cut.size(g) * cut.size(g) * c;
  CHECK(products == 4.0 * 14 * 21 * c * c + 2.0 * 49 * 14 * 21 * c);
}

TEST_CASE("MSK-07 Video Swin: 3-D patches, windows and shifts, a shrunken window's corner, spatial merging") {
  auto draw = test::generator();
  constexpr int c = 8;
  // 10 frames in pairs: as many as no window holds; then 3 x 10 x 16 with whole 8 x 7 x 7 windows cut to 3
  // frames
  const auto run = [&]<int Frames>(std::integral_constant<int, Frames>) {
    constexpr int side = Frames < 8 ? Frames : 8;
    const std::array<int, 3> first{Frames, 8, 10}, second{Frames, 4, 5}, window{8, 7, 7}, shift{4, 3, 3},
        none{0, 0, 0};
    const auto video = test::random_tensor<float>(draw, 1.0f, 2 * Frames, 4 * first[1], 4 * first[2], 3);
    const test::dense embedding(draw, c, 96), merging(draw, 2 * c, 4 * c);
    const test::norm_weights of_embedding(draw, c), of_merging(draw, 4 * c);
    std::vector<test::swin_weights> stage_1, stage_2;
    for (const float spread : {1.0f, 50.0f}) {
      stage_1.emplace_back(draw, c, 2, 15 * 13 * 13, spread);
      stage_2.emplace_back(draw, 2 * c, 2, 15 * 13 * 13, spread);
    }

    rows x;
    const rows by_frame = patches_of(video, 4);
    const int area = first[1] * first[2];
    for (int t = 0; t < Frames; ++t)
      for (int i = 0; i < area; ++i) {
        x.push_back(by_frame[static_cast<std::size_t>(2 * t * area + i)]);
        const auto& next = by_frame[static_cast<std::size_t>((2 * t + 1) * area + i)];
        x.back().insert(x.back().end(), next.begin(), next.end());
      }
    x = test::layer_normed(test::linear(embedding, x, true), of_embedding, 1e-5);
    for (std::size_t i = 0; i < 2; ++i)
      x = test::swin_block<3>(x, first, window, i == 0 ? none : shift, window, stage_1[i], 2, layer_norm,
                              test::gelu_of);
    x = test::linear(
        merging, test::layer_normed(test::merged_patches(x, first[1], first[2]), of_merging, 1e-5), false);
    for (std::size_t i = 0; i < 2; ++i)
      x = test::swin_block<3>(x, second, window, i == 0 ? none : shift, window, stage_2[i], 2, layer_norm,
                              test::gelu_of);

    const bl::norm::layer norm{1e-5f};
    const bl::activation::gelu gelu;
    using patches = bl::tokenizer::patches<4, 4>;
    const bl::embed::source<patches, test::here> all{video.view(), patches{}};
    std::vector<int> even, odd;
    for (int t = 0; t < Frames; ++t)
      for (int i = 0; i < area; ++i) {
        even.push_back(2 * t * area + i);
        odd.push_back((2 * t + 1) * area + i);
      }
    const bl::index tokens = Frames * area;
    test::matrix found =
        test::through(bl::source::beside{bl::source::picked{all, test::view_of(even)}, bl::index{48},
                                         bl::source::picked{all, test::view_of(odd)}},
                      test::as_is, embedding, true, tokens);
    bl::normalize(bl::host::here(), found.source(), test::normed_by(of_embedding, norm), found.view());
    using sides = bl::score::sides<8, 7, 7>;
    for (std::size_t i = 0; i < 2; ++i)
      test::run_swin_block<bl::group::windows<side, 7, 7>, sides, 2, c>(
          found, first, window, i == 0 ? none : shift, stage_1[i], norm, gelu);
    found = test::through(bl::source::merged_cells{found.source(), Frames * first[1], first[2], c},
                          test::normed_by(of_merging, norm), merging, false, tokens / 4);
    for (std::size_t i = 0; i < 2; ++i)
      test::run_swin_block<bl::group::windows<side, 4, 5>, sides, 2, 2 * c>(
          found, second, window, i == 0 ? none : shift, stage_2[i], norm, gelu);
    CHECK(test::error(found, x) < 1e-4);
  };
  run(std::integral_constant<int, 3>{});
  run(std::integral_constant<int, 10>{});
}
