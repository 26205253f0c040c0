// SPDX-License-Identifier: Apache-2.0

// Encoder blocks around attention, from token numbers to logits, against formulas written from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <type_traits>
#include <vector>

#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/compose/activation.hpp"
#include "byteloom/host/attend_ragged.hpp"
#include "byteloom/host/gather.hpp"
#include "byteloom/host/unpad.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

/// Slopes of ALiBi as the published code lists them: 2^(-8h/H) for a power of two, else those of the power
/// below, then the slopes 0, 2, 4, ... of the list for twice that.
std::vector<double> alibi_slopes(int heads) {
  const auto list = [](int count) {
    std::vector<double> result;
    for (int h = 1; h <= count; ++h) result.push_back(std::pow(2.0, -8.0 * h / count));
    return result;
  };
  int power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<double> result = list(power);
  const auto more = list(2 * power);
  for (std::size_t i = 0; static_cast<int>(result.size()) < heads; i += 2) result.push_back(more[i]);
  return result;
}

}  // namespace

TEST_CASE(
    "SCO-04 MosaicBERT: the forward pass of masked training in bf16, post-norm blocks over ragged rows, "
    "symmetric ALiBi, GLU, the end of the last layer on masked tokens alone") {
  auto draw = test::generator();
  constexpr int words = 30528, given_words = 30522, mask_word = 103;
  REQUIRE(words % 64 == 0);
  REQUIRE(words - given_words < 64);
  const double epsilon = 1e-12;
  const auto run = [&]<int h, class Number>(std::integral_constant<int, h>, Number) {
    constexpr bool exact = std::is_same_v<Number, float>;
    constexpr int d = 4, width = h * d, f = 40, layers = 3;
    // a batch of three sequences, padded to the longest; some words of each are hidden, and are the targets
    const std::vector<int> lengths{9, 17, 4};
    constexpr int sequences = 3, longest = 17;
    std::vector<int> ids, types, given, labels;
    for (int i = 0; i < sequences * longest; ++i) {
      const int place = i % longest;
      ids.push_back(std::uniform_int_distribution<int>(0, given_words - 1)(draw));
      types.push_back(place > 3);
      given.push_back(place < lengths[static_cast<std::size_t>(i / longest)] ? 1 : 0);
      const bool hidden =
          given.back() != 0 && (place == 2 || std::uniform_int_distribution<int>(0, 9)(draw) < 3);
      labels.push_back(hidden ? ids.back() : -1);
      if (hidden) ids.back() = mask_word;
    }

    using weights = test::random_weights<bl::format::dense<bl::bf16>>;
    const weights word(draw, words, width), type(draw, 2, width), transform(draw, width, width);
    const auto rounded = [&] {
      test::norm_weights result(draw, width);
      for (auto* numbers : {&result.weight, &result.bias})
        for (float& x : *numbers) x = static_cast<float>(bl::bf16(x));
      return result;
    };
    const test::norm_weights first_norm = rounded(), of_head = rounded();
    struct layer {
      weights qkv, out, up, down;
      test::norm_weights after_attention, after_feed;
    };
    std::vector<layer> stack;
    for (int i = 0; i < layers; ++i)
      stack.push_back({{draw, 3 * width, width},
                       {draw, width, width},
                       {draw, 2 * f, width},
                       {draw, width, f},
                       rounded(),
                       rounded()});

    const auto stored = [](double number) {
      return static_cast<double>(static_cast<float>(static_cast<Number>(static_cast<float>(number))));
    };
    // the published code, sequence by sequence; what a matrix or a norm gives is rounded, and what a norm
    // gets
    const auto slopes = alibi_slopes(h);
    for (std::size_t i = 8; i < h; ++i)  // after those of 8 heads come every second of 16 heads
      CHECK(slopes[i] == doctest::Approx(std::pow(2.0, -0.5 * (2 * static_cast<double>(i - 8) + 1))));
    const auto normed = [&](const rows& of, const test::norm_weights& by) {
      return test::each(test::layer_normed(test::each(of, stored), by, epsilon), stored);
    };
    const auto linear = [&](const weights& by, const rows& of, bool biased) {
      return test::each(test::linear(by, of, biased), stored);
    };
    rows x;
    std::vector<int> masked, targets;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (given[i] == 0) continue;
      if (labels[i] >= 0) {
        masked.push_back(static_cast<int>(x.size()));
        targets.push_back(labels[i]);
      }
      x.emplace_back();
      for (int c = 0; c < width; ++c)
        x.back().push_back(static_cast<double>(word.dense[static_cast<std::size_t>(ids[i] * width + c)]) +
                           static_cast<double>(type.dense[static_cast<std::size_t>(types[i] * width + c)]));
    }
    x = normed(x, first_norm);
    for (int l = 0; l < layers; ++l) {
      const layer& own = stack[static_cast<std::size_t>(l)];
      const rows qkv = linear(own.qkv, x, true);
      rows mixed;
      for (int b = 0, first = 0; b < sequences; first += lengths[static_cast<std::size_t>(b++)]) {
        const rows part(qkv.begin() + first, qkv.begin() + first + lengths[static_cast<std::size_t>(b)]);
        test::append(mixed,
                     test::attended(test::columns_of(part, 0, width), test::columns_of(part, width, width),
                                    test::columns_of(part, 2 * width, width), h, h,
                                    [&](double dot, int head, int i, int j) {
                                      return dot / std::sqrt(d) -
                                             slopes[static_cast<std::size_t>(head)] * std::abs(i - j);
                                    }));
      }
      mixed = test::each(mixed, stored);
      if (l == layers - 1) {
        mixed = test::picked(mixed, masked);
        x = test::picked(x, masked);
      }
      x = normed(test::added(x, linear(own.out, mixed, true)), own.after_attention);
      rows hidden;
      for (const auto& row : test::linear(own.up, x, false)) {
        hidden.emplace_back();
        for (std::size_t c = 0; c < f; ++c)
          hidden.back().push_back(stored(test::gelu_of(row[c]) * row[c + f]));
      }
      x = normed(test::added(x, linear(own.down, hidden, true)), own.after_feed);
    }
    const rows wanted =
        linear(word, normed(test::each(test::linear(transform, x, true), test::gelu_of), of_head), true);

    using low = test::matrix_of<Number>;
    const bl::norm::layer norm{static_cast<float>(epsilon)};
    const auto kept = [&](const auto& source, bl::index count, bl::index columns) {
      return test::kept<Number>(source, test::as_is, count, columns);
    };
    const auto keep = [&](const auto& source, const test::norm_weights& by, bl::index count) {
      const low given_to_norm = kept(source, count, width);
      return test::kept<Number>(given_to_norm.source(), test::normed_by(by, norm), count, width);
    };
    const auto packed =
        bl::unpad(bl::host::here(), bl::host_view<const int, 2>(given.data(), sequences, longest));
    const auto tokens = static_cast<bl::index>(packed.rows.size());
    // ids, types and labels of the packed tokens, and of nothing else
    std::vector<bl::token> own_ids, own_types;
    std::vector<char> is_masked;
    for (const int i : packed.rows) {
      const auto at = static_cast<std::size_t>(i);
      own_ids.push_back(ids[at]);
      own_types.push_back(types[at]);
      is_masked.push_back(labels[at] >= 0 ? 1 : 0);
    }
    const auto predicted =
        bl::unpad(bl::host::here(), bl::host_view<const char, 2>(is_masked.data(), 1, tokens)).rows;
    const auto found_of = [&](bool pads_around_attention) {
      test::matrix of_words(tokens, width), of_types(tokens, width);
      bl::gather(bl::host::here(), bl::host_view<const float, 2>(word.dense.data(), words, width),
                 test::view_of(own_ids), of_words.view());
      bl::gather(bl::host::here(), bl::host_view<const float, 2>(type.dense.data(), 2, width),
                 test::view_of(own_types), of_types.view());
      low state = keep(bl::source::sum{of_words.source(), of_types.source()}, first_norm, tokens);
      for (int l = 0; l < layers; ++l) {
        const layer& own = stack[static_cast<std::size_t>(l)];
        low qkv = test::through<Number>(state.source(), test::as_is, own.qkv, true, tokens);
        low mixed(tokens, width);
        using alibi = bl::score::alibi<h, bl::score::distance::symmetric>;
        if (pads_around_attention) {
          low wide = kept(bl::source::picked{qkv.source(), test::view_of(packed.back)}, sequences * longest,
                          3 * width);
          std::vector<float> bias(given.size());
          for (std::size_t i = 0; i < given.size(); ++i) bias[i] = given[i] == 0 ? -10000.0f : 0.0f;
          using penalty = bl::score::key_bias<>;
          const bl::attention<bl::heads<h, h, d>, alibi, penalty> spec{
              penalty(bl::host_view<const float, 2>(bias.data(), sequences, longest))};
          low out(sequences * longest, width);
          bl::attend(bl::host::here(), spec, wide.heads(0, h, d, sequences),
                     wide.heads(width, h, d, sequences), wide.heads(2 * width, h, d, sequences),
                     out.heads(0, h, d, sequences));
          mixed = kept(bl::source::picked{out.source(), test::view_of(packed.rows)}, tokens, width);
        } else {
          bl::attend(bl::host::here(), bl::attention<bl::heads<h, h, d>, alibi>{}, qkv.ragged_heads(0, h, d),
                     qkv.ragged_heads(width, h, d), qkv.ragged_heads(2 * width, h, d), packed.sequences(),
                     mixed.ragged_heads(0, h, d));
        }
        if (l == layers - 1) {  // the last layer's projection and feed-forward see the masked tokens alone
          const auto count = static_cast<bl::index>(predicted.size());
          mixed = kept(bl::source::picked{mixed.source(), test::view_of(predicted)}, count, width);
          state = kept(bl::source::picked{state.source(), test::view_of(predicted)}, count, width);
        }
        const low projected = test::through<Number>(mixed.source(), test::as_is, own.out, true, state.rows);
        state = keep(bl::source::sum{state.source(), projected.source()}, own.after_attention, state.rows);
        const auto gated =
            test::gated_through<bl::activation::gelu>(state.source(), test::as_is, own.up, false, state.rows);
        const low hidden = kept(gated.source(), state.rows, f),
                  fed = test::through<Number>(hidden.source(), test::as_is, own.down, true, state.rows);
        state = keep(bl::source::sum{state.source(), fed.source()}, own.after_feed, state.rows);
      }
      const auto transformed =
          test::through(state.source(), test::as_is, transform, true, state.rows, bl::activation::gelu{});
      const low head = keep(transformed.source(), of_head, state.rows);
      return test::through<Number>(head.source(), test::as_is, word, true, state.rows);
    };
    for (const bool pads_around_attention : {false, true}) {
      const low found = found_of(pads_around_attention);
      // a number near the middle of two of bf16 may be rounded the other way, and so may what comes of it
      CHECK(test::error(found, wanted) < (exact ? 2e-5 : 1e-2));
      CHECK(test::cross_entropy(test::rows_of(found), targets) ==
            doctest::Approx(test::cross_entropy(wanted, targets)).epsilon(exact ? 1e-5 : 3e-3));
    }
  };
  run(std::integral_constant<int, 12>{}, bl::bf16{});
  run(std::integral_constant<int, 12>{}, 0.0f);  // without the rounding between stages
  run(std::integral_constant<int, 8>{}, 0.0f);
}

TEST_CASE("MSK-03 (partial: no BPE tokenizer) ModernBERT: ragged rows, local and global layers, pre-norm") {
  auto draw = test::generator();
  constexpr int h = 2, d = 8, width = h * d, f = 24, depth = 5, radius = 64, words = 50368;
  const std::vector<int> offsets{0, 171, 180, 320};
  const int tokens = offsets.back(), longest = 171;
  test::random_weights<bl::format::dense<float>> word(draw, words, width), head(draw, width, width);
  const auto unbiased = [&] {
    test::norm_weights result(draw, width);
    std::fill(result.bias.begin(), result.bias.end(), 0.0f);
    return result;
  };
  struct layer {
    test::norm_weights before_attention, before_feed;
    test::dense qkv, out, up, down;
  };
  std::vector<layer> stack;
  for (int l = 0; l < depth; ++l)
    stack.push_back({unbiased(),
                     unbiased(),
                     {draw, 3 * width, width},
                     {draw, width, width},
                     {draw, 2 * f, width},
                     {draw, width, f}});
  const auto of_embedding = unbiased(), last = unbiased(), of_head = unbiased();
  std::vector<bl::token> ids;  // packed before the embedding
  for (int i = 0; i < tokens; ++i) ids.push_back(std::uniform_int_distribution<int>(0, words - 1)(draw));
  std::vector<int> padded;  // at the end: rows of the padded batch, -1 at padding
  for (std::size_t b = 0; b < 3; ++b)
    for (int i = 0; i < longest; ++i) padded.push_back(offsets[b] + i < offsets[b + 1] ? offsets[b] + i : -1);
  const std::vector<int> predicted{3, 172, 200, 319};

  const double epsilon = 1e-5;
  rows x;
  for (const auto id : ids)
    x.emplace_back(word.dense.begin() + id * width, word.dense.begin() + (id + 1) * width);
  x = test::layer_normed(x, of_embedding, epsilon, false);
  for (std::size_t l = 0; l < depth; ++l) {
    const layer& own = stack[l];
    const bool global = l % 3 == 0;
    const rows qkv = test::linear(
        own.qkv, l == 0 ? x : test::layer_normed(x, own.before_attention, epsilon, false), false);
    rows mixed;
    for (std::size_t b = 0; b < 3; ++b) {
      const rows part(qkv.begin() + offsets[b], qkv.begin() + offsets[b + 1]);
      const auto turn = [&](const test::vector& of_head_part, int i) {  // positions begin anew
        return test::rotated(of_head_part, i, false, global ? 160000.0 : 10000.0);
      };
      const rows own_mixed =
          test::attended(test::turned_heads(test::columns_of(part, 0, width), h, turn),
                         test::turned_heads(test::columns_of(part, width, width), h, turn),
                         test::columns_of(part, 2 * width, width), h, h, [&](double dot, int, int i, int j) {
                           return global || std::abs(i - j) <= radius ? dot / std::sqrt(d) : test::unseen;
                         });
      mixed.insert(mixed.end(), own_mixed.begin(), own_mixed.end());
    }
    x = test::added(x, test::linear(own.out, mixed, false));
    rows hidden;
    for (const auto& row :
         test::linear(own.up, test::layer_normed(x, own.before_feed, epsilon, false), false)) {
      hidden.emplace_back();
      for (std::size_t c = 0; c < f; ++c) hidden.back().push_back(test::gelu_of(row[c]) * row[c + f]);
    }
    x = test::added(x, test::linear(own.down, hidden, false));
  }
  const rows encoded = test::layer_normed(x, last, epsilon, false);
  const rows wanted =
      test::linear(word,
                   test::layer_normed(
                       test::each(test::linear(head, test::picked(encoded, predicted), false), test::gelu_of),
                       of_head, epsilon, false),
                   true);

  const bl::norm::layer norm{1e-5f};
  using heads = bl::heads<h, h, d>;
  using rope = bl::position::rope<>;
  const bl::attention<heads, rope> of_all{rope{160000.0}};
  const bl::attention<heads, rope, bl::mask::local<radius>> of_window{rope{10000.0}};
  test::matrix state(tokens, width);
  bl::gather(bl::host::here(), bl::host_view<const float, 2>(word.dense.data(), words, width),
             test::view_of(ids), state.view());
  bl::normalize(bl::host::here(), state.source(), test::normed_by(of_embedding, norm), state.view());
  for (std::size_t l = 0; l < depth; ++l) {
    const layer& own = stack[l];
    auto qkv = l == 0 ? test::through(state.source(), test::as_is, own.qkv, false, tokens)
                      : test::through(state.source(), test::normed_by(own.before_attention, norm), own.qkv,
                                      false, tokens);
    test::matrix mixed(tokens, width);
    const auto attend = [&](const auto& spec) {
      bl::attend(bl::host::here(), spec, qkv.ragged_heads(0, h, d), qkv.ragged_heads(width, h, d),
                 qkv.ragged_heads(2 * width, h, d), bl::ragged<test::here>(test::view_of(offsets), longest),
                 mixed.ragged_heads(0, h, d));
    };
    l % 3 == 0 ? attend(of_all) : attend(of_window);
    test::add_through(state, mixed.source(), test::as_is, own.out, false);
    const auto hidden = test::gated_through<bl::activation::gelu>(
        state.source(), test::normed_by(own.before_feed, norm), own.up, false, tokens);
    test::add_through(state, hidden.source(), test::as_is, own.down, false);
  }
  const auto found = test::kept(state.source(), test::normed_by(last, norm), tokens, width);
  CHECK(test::error(found, encoded) < 5e-5);
  CHECK(test::error(test::kept(bl::source::picked{found.source(), test::view_of(padded)}, test::as_is,
                               3 * longest, width),
                    test::picked(encoded, padded)) < 5e-5);
  const auto count = static_cast<bl::index>(predicted.size());
  const auto of_predicted = test::through(bl::source::picked{found.source(), test::view_of(predicted)},
                                          test::as_is, head, false, count, bl::activation::gelu{});
  CHECK(test::error(test::through(of_predicted.source(), test::normed_by(of_head, norm), word, true, count),
                    wanted) < 5e-5);
}
