// SPDX-License-Identifier: Apache-2.0

// Causal decoders, from token numbers to logits, against formulas written from the papers.

#include <doctest/doctest.h>

#include <cmath>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/scale.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/attend/score/t5_buckets.hpp"
#include "byteloom/host/gather.hpp"
#include "byteloom/position/partial.hpp"
#include "byteloom/position/sinusoidal.hpp"
#include "support/decoders.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;
using linear_type = test::dense_linear;
using test::decoded;
using test::decoder_layer;
using test::looked_up;
using test::table_of;

}  // namespace

TEST_CASE(
    "POS-01 none, two added tables, T5's bias, ALiBi and partial RoPE in one causal decoder of T5's kind") {
  auto draw = test::generator();
  const int words = 90, tokens = 150, prompt = 120, depth = 2;
  const auto run = [&]<int h>(std::integral_constant<int, h>) {
    constexpr int d = 16, width = 24, f = 40, r = d / 4;
    const test::dense word(draw, words, width), learned(draw, 2048, width), head(draw, words, width);
    const test::norm_weights last(draw, width);
    const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, 32, h);
    std::vector<decoder_layer> stack;
    for (int l = 0; l < depth; ++l)
      stack.push_back({{draw, width},
                       {draw, width},
                       {draw, 3 * h * d, width},
                       {draw, width, h * d},
                       {draw, f, width},
                       {draw, width, f}});
    std::vector<bl::token> ids;
    for (int i = 0; i < tokens; ++i) ids.push_back(std::uniform_int_distribution<int>(0, words - 1)(draw));

    // the published code: `added(i, c)` joins the embedding, `turned` queries and keys, `biased` scores
    const auto wanted_of = [&](const auto& added, const auto& turned, const auto& biased) {
      rows x = looked_up(word, ids);
      for (int i = 0; i < tokens; ++i)
        for (int c = 0; c < width; ++c)
          x[static_cast<std::size_t>(i)][static_cast<std::size_t>(c)] += added(i, c);
      for (const auto& own : stack) {
        const rows qkv = test::linear(own.qkv, test::rms_normed(x, own.before_attention, 1e-6), false);
        const rows mixed = test::attended(
            test::turned_heads(test::columns_of(qkv, 0, h * d), h, turned),
            test::turned_heads(test::columns_of(qkv, h * d, h * d), h, turned),
            test::columns_of(qkv, 2 * h * d, h * d), h, h, [&](double dot, int own_head, int i, int j) {
              return j > i ? test::unseen : dot + biased(own_head, i, j);  // no 1 / sqrt(d)
            });
        x = test::added(x, test::linear(own.out, mixed, false));
        const rows hidden =
            test::each(test::linear(own.up, test::rms_normed(x, own.before_feed, 1e-6), false),
                       [](double y) { return y > 0 ? y : 0; });
        x = test::added(x, test::linear(own.down, hidden, false));
      }
      return test::linear(head, test::rms_normed(x, last, 1e-6), false);
    };
    const auto nothing_added = [](int, int) { return 0.0; };
    const auto not_turned = [](const test::vector& x, int) { return x; };
    const auto not_biased = [](int, int, int) { return 0.0; };

    const auto found_of = [&](const auto& attention, std::optional<bl::host_view<const float, 2>> places) {
      using attention_type = std::remove_cvref_t<decltype(attention)>;
      const bl::block<bl::norm::rms, attention_type, bl::feed::relu, linear_type> block{attention,
                                                                                        bl::norm::rms{1e-6f}};
      test::matrix embedded(tokens, width);
      bl::gather(bl::host::here(), table_of(word), bl::host_view<const bl::token, 1>(ids.data(), tokens),
                 embedded.view());
      if (places)
        embedded = test::kept(bl::source::sum{embedded.source(), bl::source::rows<test::here>{*places}},
                              test::as_is, tokens, width);
      const auto x = decoded(block, stack, embedded, prompt);
      return test::through(x.source(), test::normed_by(last, bl::norm::rms{1e-6f}), head, false, tokens);
    };
    using heads = bl::heads<h, h, d>;
    using unscaled = bl::score::scale;
    using cache = bl::cache::contiguous<float>;
    const unscaled one{1.0f};

    const bl::attention<heads, bl::mask::causal, unscaled, cache> plain{one};
    CHECK(test::error(found_of(plain, {}), wanted_of(nothing_added, not_turned, not_biased)) < 1e-4);

    auto sinusoids = test::poisoned_tensor<float>(1, 1, tokens, width);
    bl::position::fill_sinusoidal<bl::position::pairing::half_split>(
        bl::host_view<float, 2>(sinusoids.data.data(), tokens, width));
    CHECK(test::error(found_of(plain, sinusoids.matrix()),
                      wanted_of(
                          [](int i, int c) {
                            const int pair = c % (width / 2);
                            const double angle = i / std::pow(10000.0, 2.0 * pair / width);
                            return c < width / 2 ? std::sin(angle) : std::cos(angle);
                          },
                          not_turned, not_biased)) < 1e-4);
    CHECK(test::error(found_of(plain, table_of(learned)),
                      wanted_of(
                          [&](int i, int c) {
                            return static_cast<double>(
                                learned.dense[static_cast<std::size_t>(i * width + c)]);
                          },
                          not_turned, not_biased)) < 1e-4);

    using buckets = bl::score::t5_buckets<>;  // one table, the first layer's, in all layers
    const bl::attention<heads, bl::mask::causal, unscaled, buckets, cache> t5{one, buckets{table.matrix()}};
    CHECK(test::error(
              found_of(t5, {}), wanted_of(nothing_added, not_turned, [&](int own_head, int i, int j) {
                const int n = std::max(i - j, 0);
                const int bucket =
                    n < 16 ? n
                           : std::min(31, 16 + static_cast<int>(std::floor(
                                                   16 * std::log(n / 16.0) / std::log(128.0 / 16.0) + 1e-9)));
                return static_cast<double>(table.matrix()(bucket, own_head));
              })) < 1e-4);

    const bl::attention<heads, bl::mask::causal, unscaled, bl::score::alibi<h>, cache> alibi{one};
    CHECK(test::error(found_of(alibi, {}), wanted_of(nothing_added, not_turned, [](int own_head, int, int j) {
                        const int power = h == 6 ? 4 : h;
                        const double slope =
                            own_head < power
                                ? std::pow(2.0, -8.0 * (own_head + 1) / power)
                                : std::pow(2.0, -8.0 * (2 * (own_head - power) + 1) / (2 * power));
                        return slope * j;  // as the code has it
                      })) < 1e-4);

    using rope = bl::position::partial<r, bl::position::rope<bl::position::pairing::interleaved>>;
    const bl::attention<heads, rope, bl::mask::causal, unscaled, cache> turned{one};
    CHECK(test::error(found_of(turned, {}),
                      wanted_of(
                          nothing_added,
                          [](const test::vector& x, int i) {
                            test::vector result = test::rotated({x.begin(), x.begin() + r}, i, true);
                            result.insert(result.end(), x.begin() + r, x.end());
                            return result;
                          },
                          not_biased)) < 1e-4);
  };
  run(std::integral_constant<int, 6>{});
  run(std::integral_constant<int, 4>{});
}

TEST_CASE(
    "MSK-02 (partial: no SentencePiece vocabulary) Gemma 2: local and global layers, capped, normed twice") {
  auto draw = test::generator();
  constexpr int h = 4, key_heads = 2, d = 8, width = 24, f = 40, local = 9, tokens = 60, words = 80,
                depth = 4;
  const test::dense word(draw, words, width);
  struct layer {
    test::norm_weights n1, n2, n3, n4;
    test::dense qkv, out, up, down;
  };
  std::vector<layer> stack;
  for (int l = 0; l < depth; ++l) {
    stack.push_back({{draw, width},
                     {draw, width},
                     {draw, width},
                     {draw, width},
                     {draw, (h + 2 * key_heads) * d, width},
                     {draw, width, h * d},
                     {draw, 2 * f, width},
                     {draw, width, f}});
  }
  const test::norm_weights last(draw, width);  // weights hold the 1 + w of the checkpoint's w
  std::vector<bl::token> ids;
  for (int i = 0; i < tokens; ++i) ids.push_back(std::uniform_int_distribution<int>(0, words - 1)(draw));
  const float factor = static_cast<float>(bl::bf16(std::sqrt(static_cast<float>(width))));
  CHECK(factor != std::sqrt(static_cast<float>(width)));
  // 1 / sqrt(head size), and the 1 / sqrt(width / heads) of the 27B model; large, so that the cap is felt
  for (const double scale : {1 / std::sqrt(d), 1 / std::sqrt(static_cast<double>(width) / h), 20.0}) {
    rows x = test::each(looked_up(word, ids), [&](double y) { return y * static_cast<double>(factor); });
    for (std::size_t l = 0; l < depth; ++l) {
      const layer& own = stack[l];
      const rows qkv = test::linear(own.qkv, test::rms_normed(x, own.n1, 1e-6), false);
      const auto turn = [](const test::vector& part, int i) { return test::rotated(part, i, false); };
      const rows mixed =
          test::attended(test::turned_heads(test::columns_of(qkv, 0, h * d), h, turn),
                         test::turned_heads(test::columns_of(qkv, h * d, key_heads * d), key_heads, turn),
                         test::columns_of(qkv, (h + key_heads) * d, key_heads * d), h, key_heads,
                         [&](double dot, int, int i, int j) {
                           const bool seen = j <= i && (l % 2 == 1 || i - j < local);
                           return seen ? 50 * std::tanh(dot * scale / 50) : test::unseen;
                         });
      x = test::added(x, test::rms_normed(test::linear(own.out, mixed, false), own.n2, 1e-6));
      rows hidden;
      for (const auto& row : test::linear(own.up, test::rms_normed(x, own.n3, 1e-6), false)) {
        hidden.emplace_back();
        for (std::size_t c = 0; c < f; ++c) hidden.back().push_back(test::gelu_tanh_of(row[c]) * row[c + f]);
      }
      x = test::added(x, test::rms_normed(test::linear(own.down, hidden, false), own.n4, 1e-6));
    }
    const rows wanted = test::each(test::linear(word, test::rms_normed(x, last, 1e-6), false),
                                   [](double y) { return 30 * std::tanh(y / 30); });

    const bl::norm::rms norm{1e-6f};
    using heads = bl::heads<h, key_heads, d>;
    const bl::attention<heads, bl::position::rope<>, bl::mask::causal, bl::mask::window<local>,
                        bl::score::scale, bl::score::softcap>
        of_window{bl::score::scale{static_cast<float>(scale)}, bl::score::softcap{50.0f}};
    const bl::attention<heads, bl::position::rope<>, bl::mask::causal, bl::score::scale, bl::score::softcap>
        of_all{bl::score::scale{static_cast<float>(scale)}, bl::score::softcap{50.0f}};
    test::matrix state(tokens, width);
    bl::gather(bl::host::here(), table_of(word), bl::host_view<const bl::token, 1>(ids.data(), tokens),
               state.view());
    bl::host_view<const float, 2> everywhere(&factor, tokens, width);
    everywhere.stride[0] = everywhere.stride[1] = 0;
    bl::normalize(bl::host::here(),
                  bl::source::product{state.source(), bl::source::rows<test::here>{everywhere}}, test::as_is,
                  state.view());
    for (std::size_t l = 0; l < depth; ++l) {
      const layer& own = stack[l];
      auto qkv = test::through(state.source(), test::normed_by(own.n1, norm), own.qkv, false, tokens);
      test::matrix mixed(tokens, h * d);
      const auto attend = [&](const auto& spec) {
        bl::attend(bl::host::here(), spec, qkv.heads(0, h, d), qkv.heads(h * d, key_heads, d),
                   qkv.heads((h + key_heads) * d, key_heads, d), mixed.heads(0, h, d));
      };
      l % 2 == 0 ? attend(of_window) : attend(of_all);
      const auto add_normed = [&](const test::matrix& y, const test::norm_weights& by) {
        const auto behind = test::kept(y.source(), test::normed_by(by, norm), tokens, width);
        bl::normalize(bl::host::here(), bl::source::sum{state.source(), behind.source()}, test::as_is,
                      state.view());
      };
      add_normed(test::through(mixed.source(), test::as_is, own.out, false, tokens), own.n2);
      const auto hidden = test::gated_through<bl::activation::gelu_tanh>(
          state.source(), test::normed_by(own.n3, norm), own.up, false, tokens);
      add_normed(test::through(hidden.source(), test::as_is, own.down, false, tokens), own.n4);
    }
    const auto found = test::through(state.source(), test::normed_by(last, norm), word, false, tokens,
                                     bl::activation::softcap{30.0f});
    CHECK(test::error(found, wanted) < 5e-5);
  }
}
