// SPDX-License-Identifier: Apache-2.0

// Blocks whose topology is the mechanism: parallel, shaped; against formulas written from the papers.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "byteloom/attend/normalizer/shaped.hpp"
#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/attend/score/temperature.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {
using test::rows;
}  // namespace

TEST_CASE(
    "NRM-04 (partial: no asynchronous parallel linear) ViT-22B: parallel blocks with one product in and one "
    "out, queries and keys normed") {
  auto draw = test::generator();
  constexpr int h = 3, d = 8, width = h * d, f = 52, tokens = 37, layers = 2;
  const auto run = [&](auto norm, bool centred) {
    using norm_type = decltype(norm);
    struct layer {
      test::norm_weights input, of_queries, of_keys;
      test::dense in, out;  // [3 width + f, width], [width, width + f]
    };
    std::vector<layer> stack;
    for (int l = 0; l < layers; ++l) {
      stack.push_back(
          {{draw, width}, {draw, d}, {draw, d}, {draw, 3 * width + f, width}, {draw, width, width + f}});
      if (!centred)  // no bias in the projections of queries, keys and values; the feed-forward keeps its
        std::fill_n(stack.back().in.bias.begin(), 3 * width, 0.0f);
    }
    const rows start = test::random_rows(draw, tokens, width);
    const auto normed = [&](const test::vector& x, const test::norm_weights& by) {
      return centred ? test::layer_normed(x, by, 1e-6) : test::rms_normed(x, by.weight, 1e-6);
    };

    rows wanted = start;
    for (const layer& own : stack) {
      rows u;
      for (const auto& row : wanted) u.push_back(normed(row, own.input));
      const rows all = test::linear(own.in, u, true);
      const auto by_head = [&](int first, const test::norm_weights& by) {
        return test::turned_heads(test::columns_of(all, first, width), h,
                                  [&](const test::vector& part, int) { return normed(part, by); });
      };
      rows joined = test::attended(by_head(0, own.of_queries), by_head(width, own.of_keys),
                                   test::columns_of(all, 2 * width, width), h, h,
                                   [&](double dot, int, int, int) { return dot / std::sqrt(d); });
      const rows hidden = test::each(test::columns_of(all, 3 * width, f), test::gelu_of);
      for (std::size_t i = 0; i < joined.size(); ++i)
        joined[i].insert(joined[i].end(), hidden[i].begin(), hidden[i].end());
      wanted = test::added(wanted, test::linear(own.out, joined, true));
    }

    using prepare = bl::prepare::norm<norm_type>;
    using attention = bl::attention<bl::heads<h, h, d>, prepare, bl::cache::contiguous<float>>;
    test::matrix x = test::floats(start);
    std::vector<int> places(tokens);
    for (int i = 0; i < tokens; ++i) places[static_cast<std::size_t>(i)] = i;
    for (const layer& own : stack) {
      const auto numbers = [&](const std::vector<float>& of) {
        return centred || &of == &own.of_queries.weight || &of == &own.of_keys.weight
                   ? bl::host_view<const float, 1>(of.data(), d)
                   : bl::host_view<const float, 1>();
      };
      const attention spec{prepare{norm, numbers(own.of_queries.weight), numbers(own.of_keys.weight),
                                   numbers(own.of_queries.bias), numbers(own.of_keys.bias)}};
      test::matrix q(tokens, width), k(tokens, width), v(tokens, width), mixed(tokens, width),
          hidden(tokens, f);
      bl::run(
          bl::host::here(),
          bl::stage{x.source(), test::normed_by(own.input, norm), own.in.view(true),
                    bl::epilogue::both{
                        bl::index{3 * width},
                        bl::epilogue::projection<attention, test::here>{
                            q.heads(0, h, d), k.heads(0, h, d), v.heads(0, h, d), test::view_of(places), {}},
                        bl::epilogue::plain<bl::activation::gelu, test::here>{hidden.view(), {}, {}}},
                    tokens});
      bl::attend(bl::host::here(), spec, q.heads(0, h, d), k.heads(0, h, d), v.heads(0, h, d),
                 mixed.heads(0, h, d));
      test::add_through(x, bl::source::beside{mixed.source(), bl::index{width}, hidden.source()}, test::as_is,
                        own.out, true);
    }
    CHECK(test::error(x, wanted) < 1e-5);
  };
  run(bl::norm::rms{1e-6f}, false);   // the paper's: no centring, no bias
  run(bl::norm::layer{1e-6f}, true);  // timm's default
}

TEST_CASE(
    "NRM-06 the Shaped Transformer: shaped attention and shaped ReLU, each with its weighted residual") {
  auto draw = test::generator();
  constexpr int n = 32, n_k = 8, h = n / n_k, m = 40, f = 64, depth = 3;
  const double tau_0 = 0.9, tau = tau_0 * std::sqrt(static_cast<double>(n) * n_k);
  const double lambda = 0.6, gamma = 0.8, above = 0.7, below = -1.3;
  REQUIRE(lambda * lambda + gamma * gamma == doctest::Approx(1.0));
  struct layer {
    test::dense q, k, v, up, down;  // random_weights are divided by the square root of their columns
  };
  std::vector<layer> stack;
  for (int l = 0; l < depth; ++l)
    stack.push_back({{draw, n, n}, {draw, n, n}, {draw, n, n}, {draw, f, n}, {draw, n, f}});
  const rows start = test::random_rows(draw, m, n);

  rows wanted = start;
  for (const layer& own : stack) {
    const rows q = test::linear(own.q, wanted, false), k = test::linear(own.k, wanted, false),
               v = test::linear(own.v, wanted, false);
    rows z;
    for (std::size_t i = 0; i < m; ++i) {
      z.emplace_back();
      for (int head = 0; head < h; ++head) {
        test::vector scores;
        for (std::size_t j = 0; j < m; ++j)
          scores.push_back(test::dot(test::head_of(q[i], head, n_k), test::head_of(k[j], head, n_k)) / tau);
        const auto p = test::softmax(scores);
        for (std::size_t c = 0; c < n_k; ++c) {
          double sum = 0;
          for (std::size_t j = 0; j < m; ++j)
            sum += ((i == j ? 1.0 : 0.0) + p[j] - 1.0 / m) * test::head_of(v[j], head, n_k)[c];
          z[i].push_back(lambda * wanted[i][static_cast<std::size_t>(head * n_k) + c] + gamma * sum);
        }
      }
    }
    const rows hidden = test::each(test::linear(own.up, z, false), [&](double x) {
      return x * (1 + (x > 0 ? above : below) / std::sqrt(static_cast<double>(n)));
    });
    const rows fed = test::linear(own.down, hidden, false);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t c = 0; c < n; ++c) wanted[i][c] = lambda * z[i][c] + gamma * fed[i][c];
  }

  const bl::attention<bl::heads<h, h, n_k>, bl::score::temperature, bl::normalizer::shaped> spec{
      bl::score::temperature{static_cast<float>(tau)}};
  const auto relu = bl::activation::shaped_relu(static_cast<float>(above), static_cast<float>(below), n);
  test::matrix x = test::floats(start);
  using bl::activation::identity;
  for (const layer& own : stack) {
    auto q = test::through(x.source(), test::as_is, own.q, false, m),
         k = test::through(x.source(), test::as_is, own.k, false, m),
         v = test::through(x.source(), test::as_is, own.v, false, m);
    test::matrix mixed(m, n);
    bl::attend(bl::host::here(), spec, q.heads(0, h, n_k), k.heads(0, h, n_k), v.heads(0, h, n_k),
               mixed.heads(0, h, n_k));
    // lambda x + gamma A X W_V: no matrix stands behind, so the two are weighted on their way to the next one
    std::vector<float> both(n, static_cast<float>(lambda)), own_share(n, static_cast<float>(gamma));
    const auto weighted = [&](const test::matrix& of, const std::vector<float>& by) {
      return bl::source::product{of.source(), bl::source::rows<test::here>{[&] {
                                   bl::host_view<const float, 2> same(by.data(), m, n);
                                   same.stride[0] = 0;
                                   return same;
                                 }()}};
    };
    const auto z =
        test::kept(bl::source::sum{weighted(x, both), weighted(mixed, own_share)}, test::as_is, m, n);
    const auto hidden = test::through(z.source(), test::as_is, own.up, false, m, relu);
    bl::run(bl::host::here(),
            bl::stage{hidden.source(), test::as_is, own.down.view(false),
                      bl::epilogue::blend<identity, test::here>{
                          x.view(), z.view(), static_cast<float>(gamma), static_cast<float>(lambda), {}},
                      m});
  }
  CHECK(test::error(x, wanted) < 1e-5);
  CHECK(bl::activation::shaped_relu(0.7f, -1.3f, 1 << 24).below == doctest::Approx(1.0f).epsilon(1e-3));
}
