// SPDX-License-Identifier: Apache-2.0

// Transformer in Transformer (Han et al., arXiv 2103.00112), from pixels to classes, against formulas written
// from the paper.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "byteloom/attend/group/windows.hpp"
#include "byteloom/compose/convolution.hpp"
#include "support/layers.hpp"
#include "support/maps.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

constexpr int patch = 16, word = 4, across = patch / word, words = across * across;

struct layer {
  test::block_weights inner;
  test::norm_weights of_words;
  test::dense project;
  test::block_weights outer;

  layer(std::mt19937_64& draw, int c, int d)
      : inner(draw, c, 4 * c), of_words(draw, c), project(draw, d, words * c), outer(draw, d, 4 * d) {}
};

/// `c` numbers a word and `d` a sentence; images of down x beside patches.
struct tnt {
  int down, beside, c, d, classes = 10;
  test::dense convolution;
  test::tensor<float> word_position;  ///< [c, 4, 4], one for all patches
  test::norm_weights of_vector, of_sentence, last;
  test::dense sentence, head;
  test::tensor<float> class_token, sentence_position;  ///< [d], [patches + 1, d]
  std::vector<layer> layers;

  tnt(std::mt19937_64& draw, int patches_down, int patches_beside, int of_word, int of_a_sentence, int depth)
      : down(patches_down),
        beside(patches_beside),
        c(of_word),
        d(of_a_sentence),
        convolution(draw, c, 7 * 7 * 3),
        word_position(test::random_tensor<float>(draw, 1.0f, 1, c, across, across)),
        of_vector(draw, words * c),
        of_sentence(draw, d),
        last(draw, d),
        sentence(draw, d, words * c),
        head(draw, classes, d),
        class_token(test::random_tensor<float>(draw, 1.0f, 1, 1, 1, d)),
        sentence_position(test::random_tensor<float>(draw, 1.0f, 1, 1, patches() + 1, d)) {
    for (int l = 0; l < depth; ++l) layers.emplace_back(draw, c, d);
  }

  int patches() const { return down * beside; }
};

/// The words of each patch behind each other: `words` times as many numbers a row.
rows vectors(const rows& x) {
  rows result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % words == 0) result.emplace_back();
    result.back().insert(result.back().end(), x[i].begin(), x[i].end());
  }
  return result;
}

/// Logits [image, class] by the paper.
rows by_text(const tnt& of, const rows& pixels, int outer_heads) {
  const int height = patch * of.down, width = patch * of.beside, n = of.patches();
  const auto normed = [](const rows& x, const test::norm_weights& by) {
    return test::layer_normed(x, by, 1e-5);
  };
  const auto attend = [](const test::block_weights& by, int count, int heads) {
    return [&by, count, heads](const rows& x) {
      const double size = static_cast<double>(x[0].size()) / heads;
      return test::self_attended(test::linear(by.qkv, x, false), count, heads,
                                 [size](double dot, int, int, int) { return dot / std::sqrt(size); });
    };
  };
  const rows all = test::convolved(pixels, height, width, {7, word, 3, 3}, of.convolution, true);
  const int row_of_words = width / word, words_of_image = height / word * row_of_words;
  rows y;
  for (int image = 0; image < static_cast<int>(all.size()) / words_of_image; ++image)
    for (int i = 0; i < n; ++i)
      for (int w = 0; w < words; ++w) {
        const int row = i / of.beside * across + w / across, column = i % of.beside * across + w % across;
        y.push_back(all[static_cast<std::size_t>(image * words_of_image + row * row_of_words + column)]);
        for (int k = 0; k < of.c; ++k)
          y.back()[static_cast<std::size_t>(k)] +=
              static_cast<double>(of.word_position.view()(0, k, w / across, w % across));
      }
  const rows sentences =
      normed(test::linear(of.sentence, normed(vectors(y), of.of_vector), true), of.of_sentence);
  rows z;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    if (i % static_cast<std::size_t>(n) == 0)
      z.emplace_back(of.class_token.data.begin(), of.class_token.data.end());
    z.push_back(sentences[i]);
  }
  for (std::size_t i = 0; i < z.size(); ++i)
    for (int k = 0; k < of.d; ++k)
      z[i][static_cast<std::size_t>(k)] +=
          static_cast<double>(of.sentence_position.matrix()(static_cast<int>(i) % (n + 1), k));
  for (const layer& own : of.layers) {
    y = test::block(y, own.inner, normed, attend(own.inner, words, 4), test::gelu_of);
    const rows told = test::linear(own.project, vectors(normed(y, own.of_words)), true);
    for (std::size_t i = 0; i < told.size(); ++i) {
      test::vector& own_sentence = z[i + i / static_cast<std::size_t>(n) + 1];
      for (std::size_t k = 0; k < own_sentence.size(); ++k) own_sentence[k] += told[i][k];
    }
    z = test::block(z, own.outer, normed, attend(own.outer, n + 1, outer_heads), test::gelu_of);
  }
  rows of_class;
  for (std::size_t i = 0; i < z.size(); i += static_cast<std::size_t>(n + 1)) of_class.push_back(z[i]);
  return test::linear(of.head, normed(of_class, of.last), true);
}

/// The same by the library.
template <int C, int D, int OuterHeads>
test::matrix by_library(const tnt& of, const test::matrix& pixels) {
  const bl::index height = patch * of.down, width = patch * of.beside, n = of.patches(),
                  images = pixels.rows / (height * width), count = images * n;
  const bl::norm::layer norm{1e-5f};
  const bl::activation::gelu gelu;
  const auto vector_rows = [&](const test::matrix& y) {
    return bl::source::rows<test::here>{{y.data.data(), count, bl::index{words * C}}};
  };
  // the cells of the convolution, patch by patch
  std::vector<int> cell, patch_of, class_of, position;
  const int beside = of.beside * across;
  for (int i = 0; i < images * n; ++i)
    for (int w = 0; w < words; ++w)
      cell.push_back((i / of.beside * across + w / across) * beside + i % of.beside * across + w % across);
  for (int i = 0; i < images * (n + 1); ++i) {
    const int place = i % static_cast<int>(n + 1);
    patch_of.push_back(place == 0 ? -1 : i - i / static_cast<int>(n + 1) - 1);
    class_of.push_back(place == 0 ? 0 : -1);
    position.push_back(place);
  }

  test::matrix y(count * words, C);
  bl::host_view<const float, 2> shared(of.word_position.data.data(), words, C);
  shared.stride[0] = 1;
  shared.stride[1] = words;
  bl::run(bl::host::here(),
          bl::stage{bl::source::picked{bl::source::unfolded(pixels.source(), height, width, bl::index{3},
                                                            bl::source::filter{7, word, 3, 3}),
                                       test::view_of(cell)},
                    test::as_is, of.convolution.view(true),
                    bl::epilogue::plain<bl::activation::identity, test::here>{y.view(), shared, {}}, y.rows});
  test::matrix told =
      test::through(vector_rows(y), test::normed_by(of.of_vector, norm), of.sentence, true, count);
  bl::normalize(bl::host::here(), told.source(), test::normed_by(of.of_sentence, norm), told.view());
  const auto of_patches = [&] { return bl::source::picked{told.source(), test::view_of(patch_of)}; };
  const auto table = [](const test::tensor<float>& of_rows) {
    return bl::source::rows<test::here>{of_rows.matrix()};
  };
  test::matrix z = test::kept(
      bl::source::sum{
          bl::source::sum{of_patches(), bl::source::picked{table(of.class_token), test::view_of(class_of)}},
          bl::source::picked{table(of.sentence_position), test::view_of(position)}},
      test::as_is, images * (n + 1), D);

  const auto attend = [&](const auto& spec, const test::block_weights& by, bl::index tokens) {
    return [&spec, &by, tokens, images](const auto& source, const auto& before) {
      return test::self_attended(spec, test::through(source, before, by.qkv, false, images * tokens), images);
    };
  };
  using patches = bl::group::windows<words>;  // a problem of its own for each patch
  const bl::attention<bl::heads<4, 4, C / 4>, patches> inside{patches({static_cast<int>(n) * words})};
  const bl::attention<bl::heads<OuterHeads, OuterHeads, D / OuterHeads>> outside;
  for (const layer& own : of.layers) {
    test::run_block(y, own.inner, norm, attend(inside, own.inner, n * words), gelu);
    told = test::through(vector_rows(test::kept(y.source(), test::normed_by(own.of_words, norm), y.rows, C)),
                         test::as_is, own.project, true, count);
    bl::normalize(bl::host::here(), bl::source::sum{z.source(), of_patches()}, test::as_is, z.view());
    test::run_block(z, own.outer, norm, attend(outside, own.outer, n + 1), gelu);
  }
  std::vector<int> first;
  for (int i = 0; i < images; ++i) first.push_back(i * static_cast<int>(n + 1));
  return test::through(bl::source::picked{z.source(), test::view_of(first)}, test::normed_by(of.last, norm),
                       of.head, true, images);
}

/// Random images by both.
template <int C, int D, int OuterHeads>
void check(std::mt19937_64& draw, int down, int beside, int depth) {
  constexpr int images = 2;
  const tnt model(draw, down, beside, C, D, depth);
  const rows pixels = test::random_rows(draw, images * patch * down * patch * beside, 3);
  CHECK(test::error(by_library<C, D, OuterHeads>(model, test::floats(pixels)),
                    by_text(model, pixels, OuterHeads)) < 1e-4);
}

}  // namespace

TEST_CASE("TOK-19 TNT: words of a convolution inside patches, sentences, both attentions, the class token") {
  auto draw = test::generator();
  check<24, 384, 6>(draw, 1, 2, 12);  // TNT-S
  check<40, 640, 10>(draw, 2, 3, 2);  // TNT-B, of its 12 blocks two
}
