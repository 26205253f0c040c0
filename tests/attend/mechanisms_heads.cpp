// SPDX-License-Identifier: Apache-2.0

// How many heads there are: shared keys and values, and what they cost.

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <type_traits>
#include <vector>

#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/compose/cost.hpp"
#include "support/decoders.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using test::rows;

/// A number that counts how often it is read, and made of what attention computed.
struct counted {
  float value;
  static inline std::atomic<long> reads{0}, writes{0};

  counted() = default;
  explicit counted(float number) : value(number) { ++writes; }
  explicit operator float() const {
    ++reads;
    return value;
  }
};

std::vector<counted> counted_of(const test::matrix& x) {
  std::vector<counted> result;
  for (const float number : x.data) result.emplace_back(number);
  return result;
}

/// Weights that count how often one is read.
struct counted_weights : bl::format::dense<float> {
  static inline std::atomic<long> reads{0};

  template <int Run>
  static void decode(const std::byte* codes, const scale* scales, bl::index row, bl::index column,
                     bl::index columns, float (&values)[Run]) {
    reads += Run;
    dense::decode<Run>(codes, scales, row, column, columns, values);
  }
};

}  // namespace

TEST_CASE(
    "KV-01 multi-query attention: one head of keys and values for all query heads, whose rows of a token are "
    "one product; and what a step reads and writes") {
  auto draw = test::generator();
  constexpr int h = 8, d = 6, width = h * d, batch = 5, n = 70, layers = 2;
  const rows x = test::random_rows(draw, batch * n, width);  // [sequence, position]
  struct access_counts {
    double cache_bytes_a_token, reads_of_last_step;
    double cache, activations, weights;  // of all steps
  };
  const auto run = [&]<int key_heads>(std::integral_constant<int, key_heads>) {
    struct layer {
      test::random_weights<counted_weights> q, k, v, out;
    };
    std::vector<layer> stack;
    for (int l = 0; l < layers; ++l)
      stack.push_back({{draw, width, width},
                       {draw, key_heads * d, width},
                       {draw, key_heads * d, width},
                       {draw, width, width}});
    // query head i reads key-value head floor(i h_kv / h); decoding sees what came before
    rows wanted = x;
    for (const layer& own : stack) {
      rows next;
      for (int b = 0; b < batch; ++b) {
        const rows part(wanted.begin() + b * n, wanted.begin() + (b + 1) * n);
        const rows q = test::linear(own.q, part, false), k = test::linear(own.k, part, false),
                   v = test::linear(own.v, part, false);
        for (int i = 0; i < n; ++i) {
          test::vector mixed;
          for (int head = 0; head < h; ++head) {
            const int key_head = head * key_heads / h;
            test::vector scores;
            for (int j = 0; j <= i; ++j)
              scores.push_back(test::dot(test::head_of(q[static_cast<std::size_t>(i)], head, d),
                                         test::head_of(k[static_cast<std::size_t>(j)], key_head, d)) /
                               std::sqrt(d));
            const auto p = test::softmax(scores);
            for (std::size_t c = 0; c < d; ++c) {
              double sum = 0;
              for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] * test::head_of(v[j], key_head, d)[c];
              mixed.push_back(sum);
            }
          }
          next.push_back(own.out.times(mixed, false));
        }
      }
      wanted = test::added(wanted, next);
    }

    using attention =
        bl::attention<bl::heads<h, key_heads, d>, bl::mask::causal, bl::cache::contiguous<float>>;
    const attention spec;
    std::vector<test::matrix> keys, values;
    for (int l = 0; l < layers; ++l) {
      keys.emplace_back(batch * n, key_heads * d);
      values.emplace_back(batch * n, key_heads * d);
    }
    test::matrix found(batch * n, width);
    access_counts counts{};
    counted_weights::reads = 0;
    counts.cache_bytes_a_token =
        static_cast<double>((keys[0].data.size() + values[0].data.size()) * sizeof(float) * layers) /
        (batch * n);
    for (int step = 0; step < n; ++step) {
      counts.reads_of_last_step = 0;
      test::matrix own(batch, width);
      for (int b = 0; b < batch; ++b)
        for (int c = 0; c < width; ++c)
          own.view()(b, c) =
              static_cast<float>(x[static_cast<std::size_t>(b * n + step)][static_cast<std::size_t>(c)]);
      for (std::size_t l = 0; l < layers; ++l) {
        auto q = test::through(own.source(), test::as_is, stack[l].q, false, batch);
        const auto k = test::through(own.source(), test::as_is, stack[l].k, false, batch),
                   v = test::through(own.source(), test::as_is, stack[l].v, false, batch);
        for (int b = 0; b < batch; ++b)
          for (int c = 0; c < key_heads * d; ++c) {
            keys[l].view()(b * n + step, c) = k.view()(b, c);
            values[l].view()(b * n + step, c) = v.view()(b, c);
          }
        test::matrix mixed(batch, width);
        const auto q_read = counted_of(q), k_read = counted_of(keys[l]), v_read = counted_of(values[l]);
        const bl::host_view<const counted, 4> of_keys(k_read.data(), batch, n, key_heads, d),
            of_values(v_read.data(), batch, n, key_heads, d);
        std::vector<counted> written(q_read.size());
        const std::vector<int> lengths(batch, step + 1);
        counted::reads = counted::writes = 0;
        bl::attend_cached(bl::host::here(), spec,
                          bl::host_view<const counted, 4>(q_read.data(), batch, 1, h, d), of_keys, of_values,
                          test::view_of(lengths), bl::host_view<counted, 4>(written.data(), batch, 1, h, d));
        const auto of_cache = static_cast<double>(counted::reads - batch * width);  // queries are read once
        counts.reads_of_last_step += of_cache;
        counts.cache += of_cache;
        counts.activations += batch * width + static_cast<double>(counted::writes);
        for (std::size_t i = 0; i < written.size(); ++i) mixed.data[i] = written[i].value;

        // the same rows as queries of an attention that has key heads alone: bit by bit the same product
        constexpr int rows_a_key = h / key_heads;
        using plain = bl::attention<bl::heads<key_heads, key_heads, d>, bl::keys::apart>;
        const auto packed = [&](auto* first) {
          bl::host_view<std::remove_pointer_t<decltype(first)>, 4> view(first, batch, rows_a_key, key_heads,
                                                                        d);
          view.stride[0] = width;
          view.stride[1] = d;
          view.stride[2] = rows_a_key * d;
          return view;
        };
        test::matrix as_rows(batch, width);
        bl::attend_cached(bl::host::here(), plain{}, packed(q.data.data()), of_keys, of_values,
                          test::view_of(lengths), packed(as_rows.data.data()));
        CHECK(as_rows.data == mixed.data);
        test::add_through(own, mixed.source(), test::as_is, stack[l].out, false);
      }
      for (int b = 0; b < batch; ++b)
        for (int c = 0; c < width; ++c) found.view()(b * n + step, c) = own.view()(b, c);
    }
    CHECK(test::error(found, wanted) < 1e-5);
    counts.weights = static_cast<double>(counted_weights::reads);
    return counts;
  };
  const auto shared = run(std::integral_constant<int, 1>{});
  const auto grouped = run(std::integral_constant<int, 4>{});
  const auto apart = run(std::integral_constant<int, h>{});
  const double bytes = sizeof(float);
  CHECK(shared.cache_bytes_a_token == 2 * d * layers * bytes);
  CHECK(grouped.cache_bytes_a_token == 2 * 4 * d * layers * bytes);
  CHECK(apart.cache_bytes_a_token == 2 * h * d * layers * bytes);
  // the rows of all query heads of a token are one matrix: each key and value is read once for all of them
  CHECK(shared.reads_of_last_step == 2 * n * d * layers * batch);
  CHECK(grouped.reads_of_last_step == 2 * n * 4 * d * layers * batch);
  CHECK(apart.reads_of_last_step == h * shared.reads_of_last_step);
  // memory accesses per operation of n steps, of which width^2 a token and matrix are made: the cache's part
  // is n / width with heads of their own, and n / (width h) with one; queries and outputs are 1 / width, and
  // the weights, read once a step for all sequences, 1 / batch
  const auto per_operation = [&](const access_counts& counts) {
    const double operations = layers * double{batch} * n * width * width;
    return std::array{counts.cache / operations, counts.activations / operations,
                      counts.weights / operations};
  };
  CHECK(per_operation(apart)[0] == doctest::Approx((n + 1.0) / width));
  CHECK(per_operation(shared)[0] == doctest::Approx((n + 1.0) / (width * h)));
  for (const auto* counts : {&apart, &shared})
    CHECK(per_operation(*counts)[1] == doctest::Approx(2.0 / width));
  CHECK(per_operation(apart)[2] == doctest::Approx(4.0 / batch));
  CHECK(per_operation(shared)[2] == doctest::Approx((2.0 + 2.0 / h) / batch));
}

TEST_CASE("KV-02 cost-optimal heads: any ratio, heads apart from the width, and the cheapest for a loss") {
  auto draw = test::generator();
  const int tokens = 30, prompt = 25, depth = 2;
  const auto run = [&]<int h, int key_heads, int d, int width>(
                       std::integral_constant<int, h>, std::integral_constant<int, key_heads>,
                       std::integral_constant<int, d>, std::integral_constant<int, width>) {
    static_assert(h * d != width);
    constexpr int f = 40;
    std::vector<test::decoder_layer> stack;
    for (int l = 0; l < depth; ++l)
      stack.push_back({{draw, width},
                       {draw, width},
                       {draw, (h + 2 * key_heads) * d, width},
                       {draw, width, h * d},
                       {draw, 2 * f, width},
                       {draw, width, f}});
    const rows start = test::random_rows(draw, tokens, width);
    rows wanted = start;
    for (const auto& own : stack) {
      const rows qkv = test::linear(own.qkv, test::rms_normed(wanted, own.before_attention, 1e-5), false);
      wanted = test::added(
          wanted,
          test::linear(
              own.out,
              test::attended(
                  test::columns_of(qkv, 0, h * d), test::columns_of(qkv, h * d, key_heads * d),
                  test::columns_of(qkv, (h + key_heads) * d, key_heads * d), h, key_heads,
                  [](double dot, int, int i, int j) { return j > i ? test::unseen : dot / std::sqrt(d); }),
              false));
      rows hidden;
      for (const auto& row : test::linear(own.up, test::rms_normed(wanted, own.before_feed, 1e-5), false)) {
        hidden.emplace_back();
        for (std::size_t c = 0; c < f; ++c)
          hidden.back().push_back(row[c] / (1 + std::exp(-row[c])) * row[c + f]);
      }
      wanted = test::added(wanted, test::linear(own.down, hidden, false));
    }
    using attention =
        bl::attention<bl::heads<h, key_heads, d>, bl::mask::causal, bl::cache::contiguous<float>>;
    const bl::block<bl::norm::rms, attention, bl::feed::swiglu, test::dense_linear> block;
    CHECK(test::error(test::decoded(block, stack, test::floats(start), prompt), wanted) < 2e-5);

    // M(T) = N + 2 T L d_h n_kv numbers, C(T) = 2 N + 4 T L d_h n_h operations
    double parameters = 0;
    for (const auto& own : stack)
      for (const auto* matrix : {&own.qkv, &own.out, &own.up, &own.down})
        parameters += static_cast<double>(matrix->dense.size());
    CHECK(parameters == depth * (width * (h + 2 * key_heads) * d + width * h * d + 3.0 * width * f));
    const bl::decoder_shape shape{parameters, depth, d, h, key_heads};
    const double cached = depth * 2.0 * tokens * key_heads * d;  // what decoded() makes for all tokens
    CHECK(shape.memory_at(tokens) == doctest::Approx(parameters + cached));
    CHECK(shape.operations_at(tokens) == doctest::Approx(2 * parameters + 4.0 * tokens * depth * d * h));
  };
  run(std::integral_constant<int, 6>{}, std::integral_constant<int, 2>{}, std::integral_constant<int, 8>{},
      std::integral_constant<int, 20>{});
  run(std::integral_constant<int, 5>{}, std::integral_constant<int, 1>{}, std::integral_constant<int, 12>{},
      std::integral_constant<int, 32>{});
  run(std::integral_constant<int, 7>{}, std::integral_constant<int, 7>{}, std::integral_constant<int, 4>{},
      std::integral_constant<int, 36>{});

  // The search: losses of small models with each number of heads, a curve through them, and the cheapest of
  // the models that reach the target. More heads lose a little less at the same size.
  std::vector<bl::decoder_shape> shapes;
  std::vector<bl::loss_curve> curves;
  std::vector<double> factors;
  for (const auto& [h, key_heads] : {std::array{4, 1}, {8, 2}, {16, 4}, {32, 8}, {32, 32}}) {
    shapes.push_back({0, 24, 128, h, key_heads});
    factors.push_back(12 - 0.03 * std::log2(h) - 0.02 * std::log2(key_heads));
    std::vector<double> sizes{3e7, 1e8, 4e8}, losses;
    for (const double size : sizes) losses.push_back(factors.back() * std::pow(size, -0.08));
    curves.push_back(bl::fit_loss(sizes, losses));
    CHECK(curves.back().factor == doctest::Approx(factors.back()));
    CHECK(curves.back().exponent == doctest::Approx(0.08));
  }
  const double target = 12 * std::pow(1e9, -0.08);
  for (const double length : {1e2, 1e4, 1e6})
    for (const bool by_memory : {false, true}) {
      const auto cost = [&](const bl::decoder_shape& of) {
        return by_memory ? of.memory_at(length) : of.operations_at(length);
      };
      int best = -1;
      double least = 1e300;
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        const double n = std::pow(factors[i] / target, 1 / 0.08);
        const double own = by_memory ? n + 2 * length * 24 * 128 * shapes[i].key_heads
                                     : 2 * n + 4 * length * 24 * 128 * shapes[i].query_heads;
        if (own < least) {
          least = own;
          best = static_cast<int>(i);
        }
      }
      CHECK(bl::cheapest(shapes, curves, target, cost) == best);
      CHECK((length == 1e2 ? best == 4 : true));
      CHECK((length == 1e6 ? best == 0 : true));  // few heads, and a larger model
    }
  CHECK(curves[0].parameters_for(target) > curves[4].parameters_for(target));
  CHECK_THROWS_AS(bl::fit_loss(std::vector<double>{1e8, 1e8}, std::vector<double>{3.0, 2.9}),
                  bl::argument_error);
}
