// SPDX-License-Identifier: Apache-2.0

// Stages on the host against double precision: every format with every norm, and every epilogue.

#include <doctest/doctest.h>

#include <string>

#include "byteloom/compose/epilogue.hpp"
#include "byteloom/host/stage.hpp"
#include "support/random.hpp"
#include "support/stages.hpp"

namespace bl = byteloom;

namespace {

constexpr auto here = bl::memory::host;

template <class Activation>
std::vector<double> each(std::vector<double> y) {
  for (double& v : y) v = Activation{}(v);
  return y;
}

}  // namespace

TEST_CASE("norm, product, bias, activation and residual in one stage") {
  auto draw = test::generator();
  test::for_each_format([&](const char* name, auto tag, const std::vector<bl::index>& widths) {
    using format = typename decltype(tag)::type;
    for (const bl::index columns : widths)
      test::for_each_norm([&](const char* norm_name, const auto& norm) {
        for (const bl::index rows : {1, 3, 19}) {
          CAPTURE(std::string(name));
          CAPTURE(std::string(norm_name));
          CAPTURE(columns);
          CAPTURE(rows);
          const bl::index outputs = 21;  // odd: the last pair has one column
          const bool biased = rows != 3;
          const auto x = test::rows_with_offset(draw, rows, columns);
          const auto weight = test::random_tensor<float>(draw, 1.0f, columns);
          const auto bias = test::random_tensor<float>(draw, 1.0f, columns);
          const test::random_weights<format> w(draw, outputs, columns);
          const auto residual = test::random_tensor<float>(draw, 1.0f, 1, 1, rows, outputs);
          auto out = test::poisoned_tensor<float>(1, 1, rows, outputs);
          const bl::host_view<float, 2> out_view(out.data.data(), rows, outputs);
          using epilogue = bl::epilogue::plain<bl::activation::gelu, here>;
          bl::run(bl::host::here(),
                  bl::stage{bl::source::rows<here>{x.matrix()},
                            bl::normed<std::remove_cvref_t<decltype(norm)>>{norm, weight.data.data(),
                                                                            bias.data.data()},
                            w.view(biased), epilogue{out_view, residual.matrix(), {}}, rows});
          std::vector<double> wanted;
          for (bl::index row = 0; row < rows; ++row) {
            auto y = each<bl::activation::gelu>(w.times(
                test::normed_row(norm, test::row_of(x, row), weight.data.data(), bias.data.data()), biased));
            for (std::size_t i = 0; i < y.size(); ++i)
              wanted.push_back(y[i] + static_cast<double>(residual.matrix()(row, static_cast<bl::index>(i))));
          }
          CHECK(test::relative_error(out.data, wanted) < 2e-5);
        }
      });
  });
}

TEST_CASE("an epsilon that means nothing is refused by name") {
  for (const float epsilon : {-1e-5f, std::nanf("")}) {
    CHECK_THROWS_WITH_AS(bl::norm::rms{epsilon}.validate(), doctest::Contains("norm::rms"),
                         bl::argument_error);
    CHECK_THROWS_WITH_AS(bl::norm::layer{epsilon}.validate(), doctest::Contains("norm::layer"),
                         bl::argument_error);
  }
}

TEST_CASE("more rows than are normed together are each their own") {
  auto draw = test::generator();
  const bl::index rows = 517, columns = 24, outputs = 6;
  const auto x = test::rows_with_offset(draw, rows, columns);
  const auto weight = test::random_tensor<float>(draw, 1.0f, columns);
  const test::random_weights<bl::format::dense<float>> w(draw, outputs, columns);
  auto out = test::poisoned_tensor<float>(1, 1, rows, outputs);
  const bl::norm::rms norm{};
  bl::run(
      bl::host::here(),
      bl::stage{bl::source::rows<here>{x.matrix()},
                bl::normed<bl::norm::rms>{norm, weight.data.data(), nullptr}, w.view(false),
                bl::epilogue::plain<bl::activation::identity, here>{{out.data.data(), rows, outputs}, {}, {}},
                rows});
  std::vector<double> wanted;
  for (bl::index row = 0; row < rows; ++row) {
    const auto y = w.times(test::normed_row(norm, test::row_of(x, row), weight.data.data(), nullptr), false);
    wanted.insert(wanted.end(), y.begin(), y.end());
  }
  CHECK(test::relative_error(out.data, wanted) < 2e-5);
}

TEST_CASE("a gate multiplies what it gates") {
  auto draw = test::generator();
  const test::random_weights<bl::format::int8> w(draw, 34, 40);
  const auto x = test::random_tensor<float>(draw, 2.0f, 1, 1, 6, 40);
  auto out = test::poisoned_tensor<float>(1, 1, 6, 17);
  bl::run(bl::host::here(),
          bl::stage{bl::source::rows<here>{x.matrix()}, bl::normed<bl::norm::none>{}, w.view(true),
                    bl::epilogue::gated<bl::activation::silu, here>{{out.data.data(), 6, 17}, {}}, 6});
  std::vector<double> wanted;
  for (bl::index row = 0; row < 6; ++row) {
    const auto y = w.times(test::row_of(x, row), true);
    for (std::size_t i = 0; i < 17; ++i) wanted.push_back(y[i] / (1 + std::exp(-y[i])) * y[i + 17]);
  }
  CHECK(test::relative_error(out.data, wanted) < 1e-5);
}

TEST_CASE("a residual with fewer rows repeats, and the output may be its own residual") {
  auto draw = test::generator();
  const test::random_weights<bl::format::dense<float>> w(draw, 8, 8);
  const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, 6, 8);
  const auto table = test::random_tensor<float>(draw, 1.0f, 1, 1, 3, 8);
  auto out = test::poisoned_tensor<float>(1, 1, 6, 8);
  using epilogue = bl::epilogue::plain<bl::activation::identity, here>;
  const bl::host_view<float, 2> view(out.data.data(), 6, 8);
  const auto run = [&](bl::host_view<const float, 2> residual) {
    bl::run(bl::host::here(), bl::stage{bl::source::rows<here>{x.matrix()}, bl::normed<bl::norm::none>{},
                                        w.view(false), epilogue{view, residual, {}}, 6});
  };
  run(table.matrix());
  run(view);
  std::vector<double> wanted;
  for (bl::index row = 0; row < 6; ++row) {
    const auto y = w.times(test::row_of(x, row), false);
    for (std::size_t i = 0; i < 8; ++i)
      wanted.push_back(2 * y[i] + static_cast<double>(table.matrix()(row % 3, static_cast<bl::index>(i))));
  }
  CHECK(test::relative_error(out.data, wanted) < 1e-5);
}

TEST_CASE("the mean of rows is a source") {
  auto draw = test::generator();
  const test::random_weights<bl::format::dense<float>> w(draw, 5, 12);
  const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, 8, 12);
  auto out = test::poisoned_tensor<float>(1, 1, 2, 5);
  bl::run(
      bl::host::here(),
      bl::stage{bl::source::mean_of_rows<here>{x.matrix(), 4}, bl::normed<bl::norm::none>{}, w.view(false),
                bl::epilogue::plain<bl::activation::identity, here>{{out.data.data(), 2, 5}, {}, {}}, 2});
  std::vector<double> wanted;
  for (bl::index group = 0; group < 2; ++group) {
    std::vector<double> mean(12);
    for (bl::index i = 0; i < 4; ++i)
      for (std::size_t c = 0; c < 12; ++c) mean[c] += test::row_of(x, group * 4 + i)[c] / 4;
    const auto y = w.times(mean, false);
    wanted.insert(wanted.end(), y.begin(), y.end());
  }
  CHECK(test::relative_error(out.data, wanted) < 1e-5);
}

TEST_CASE("conditions modulate a source and gate what is added, each row by its own or by none") {
  auto draw = test::generator();
  const test::random_weights<bl::format::dense<float>> w(draw, 7, 12);  // odd: the last pair has one column
  const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, 5, 12);
  const auto conditions = test::random_tensor<float>(draw, 1.0f, 1, 1, 2, 31);  // shift, scale, gate
  auto out = test::random_tensor<float>(draw, 1.0f, 1, 1, 5, 7);
  const std::vector<int> of_row{1, -1, 0, 0, 1};
  const auto part = [&](bl::index first, bl::index count) {
    bl::host_view<const float, 2> result = conditions.matrix();
    result.data += first;
    result.extent[1] = count;
    return result;
  };
  std::vector<double> wanted;
  for (bl::index row = 0; row < 5; ++row) {
    const int own = of_row[static_cast<std::size_t>(row)];
    std::vector<double> changed = test::row_of(x, row);
    for (std::size_t c = 0; c < 12; ++c) {
      const auto column = static_cast<bl::index>(c);
      if (own >= 0)
        changed[c] = changed[c] * (1 + static_cast<double>(part(12, 12)(own, column))) +
                     static_cast<double>(part(0, 12)(own, column));
      changed[c] = changed[c] > 0 ? changed[c] : 0;
    }
    const auto y = each<bl::activation::silu>(w.times(changed, true));
    for (std::size_t c = 0; c < 7; ++c)
      wanted.push_back(
          test::row_of(out, row)[c] +
          (own < 0 ? y[c] : static_cast<double>(part(24, 7)(own, static_cast<bl::index>(c))) * y[c]));
  }
  const bl::host_view<const int, 1> rows(of_row.data(), 5);
  const bl::source::modulated modulated{bl::source::rows<here>{x.matrix()}, part(0, 12), part(12, 12), rows};
  const bl::host_view<float, 2> view(out.data.data(), 5, 7);
  bl::run(
      bl::host::here(),
      bl::stage{bl::source::activated{modulated, bl::activation::relu{}}, bl::normed<bl::norm::none>{},
                w.view(true),
                bl::epilogue::modulated<bl::activation::silu, here>{view, view, part(24, 7), rows, {}}, 5});
  CHECK(test::relative_error(out.data, wanted) < 1e-5);
}

TEST_CASE("projection turns queries and keys and appends keys and values at their positions") {
  auto draw = test::generator();
  using attention = bl::attention<bl::heads<4, 2, 8>, bl::position::rope<>, bl::cache::contiguous<float>>;
  const attention spec;
  const bl::index batch = 2, queries = 3, capacity = 9;
  const test::random_weights<bl::format::dense<float>> w(draw, (4 + 2 + 2) * 8, 16);
  const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, batch * queries, 16);
  const std::vector<int> positions{4, 5, 6, 0, 1, 2};
  auto q = test::poisoned_tensor<float>(batch, queries, 4, 8);
  auto keys = test::poisoned_tensor<float>(batch, capacity, 2, 8);
  auto values = test::poisoned_tensor<float>(batch, capacity, 2, 8);
  bl::run(bl::host::here(),
          bl::stage{
              bl::source::rows<here>{x.matrix()}, bl::normed<bl::norm::none>{}, w.view(true),
              bl::epilogue::projection<attention, here>{
                  q.view(), keys.view(), values.view(), {positions.data(), batch * queries}, spec.position()},
              batch * queries});
  for (bl::index row = 0; row < batch * queries; ++row) {
    const auto y = w.times(test::row_of(x, row), true);
    const bl::index b = row / queries;
    const bl::index place = positions[static_cast<std::size_t>(row)];
    const auto turned = [&](bl::index column, bl::index head, int i) {
      const int pair = i % 4;
      const double angle = static_cast<double>(place) * std::pow(10000.0, -2.0 * pair / 8);
      const double first = y[static_cast<std::size_t>(column + head * 8 + pair)];
      const double second = y[static_cast<std::size_t>(column + head * 8 + pair + 4)];
      return i < 4 ? first * std::cos(angle) - second * std::sin(angle)
                   : first * std::sin(angle) + second * std::cos(angle);
    };
    for (int i = 0; i < 8; ++i) {
      for (bl::index head = 0; head < 4; ++head)
        CHECK(static_cast<double>(q.view()(b, row % queries, head, i)) ==
              doctest::Approx(turned(0, head, i)).epsilon(1e-4));
      for (bl::index head = 0; head < 2; ++head) {
        CHECK(static_cast<double>(keys.view()(b, place, head, i)) ==
              doctest::Approx(turned(32, head, i)).epsilon(1e-4));
        CHECK(static_cast<double>(values.view()(b, place, head, i)) ==
              doctest::Approx(y[static_cast<std::size_t>(48 + head * 8 + i)]).epsilon(1e-4));
      }
    }
  }
  CHECK(std::isnan(keys.view()(0, 7, 0, 0)));  // nothing else was written
  CHECK(std::isnan(values.view()(1, 3, 1, 7)));
}
