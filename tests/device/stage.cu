// SPDX-License-Identifier: Apache-2.0

// Stages on the device against double precision: every format with every norm, and every epilogue and source.

#include <doctest/doctest.h>

#include <string>

#include "byteloom/compose/epilogue.hpp"
#include "byteloom/cuda/stage.cuh"
#include "byteloom/host/stage.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"
#include "support/stages.hpp"

namespace bl = byteloom;

namespace {

constexpr auto there = bl::memory::device;

/// Weights of a test on the device.
template <class Format>
struct device_weights {
  bl::cuda::buffer<std::byte> codes;
  bl::cuda::buffer<typename Format::scale> scales;
  bl::cuda::buffer<float> bias;
  bl::index rows, columns;

  device_weights(bl::cuda::executor on, const test::random_weights<Format>& from)
      : codes(test::to_device(on, from.packed.codes)),
        scales(test::to_device(on, from.packed.scales)),
        bias(test::to_device(on, from.bias)),
        rows(from.packed.rows),
        columns(from.packed.columns) {}

  bl::weights<Format, there> view(bool with_bias) {
    return {codes.data(), scales.data(), with_bias ? bias.data() : nullptr, rows, columns};
  }
};

}  // namespace

TEST_CASE("norm, product, bias, activation and residual in one kernel") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  test::for_each_format([&](const char* name, auto tag, const std::vector<bl::index>& widths) {
    using format = typename decltype(tag)::type;
    for (const bl::index columns : widths)
      test::for_each_norm([&](const char* norm_name, const auto& norm) {
        for (const bl::index rows : {1, 3, 19}) {
          CAPTURE(std::string(name));
          CAPTURE(std::string(norm_name));
          CAPTURE(columns);
          CAPTURE(rows);
          const bl::index outputs = 21;
          const bool biased = rows != 3;
          const auto x = test::rows_with_offset(draw, rows, columns);
          const auto weight = test::random_tensor<float>(draw, 1.0f, columns);
          const auto bias = test::random_tensor<float>(draw, 1.0f, columns);
          const test::random_weights<format> w(draw, outputs, columns);
          const auto residual = test::random_tensor<float>(draw, 1.0f, 1, 1, rows, outputs);
          test::device_tensor<float> dx(on, x), dr(on, residual),
              out(on, test::poisoned_tensor<float>(1, 1, rows, outputs));
          auto dweight = test::to_device(on, weight.data);
          auto dbias = test::to_device(on, bias.data);
          device_weights<format> dw(on, w);
          using epilogue = bl::epilogue::plain<bl::activation::gelu, there>;
          bl::run(on, bl::stage{
                          bl::source::rows<there>{dx.matrix()},
                          bl::normed<std::remove_cvref_t<decltype(norm)>>{norm, dweight.data(), dbias.data()},
                          dw.view(biased), epilogue{out.matrix(), dr.matrix(), {}}, rows});
          std::vector<double> wanted;
          for (bl::index row = 0; row < rows; ++row) {
            const auto y = w.times(
                test::normed_row(norm, test::row_of(x, row), weight.data.data(), bias.data.data()), biased);
            for (std::size_t i = 0; i < y.size(); ++i)
              wanted.push_back(bl::activation::gelu{}(y[i]) +
                               static_cast<double>(residual.matrix()(row, static_cast<bl::index>(i))));
          }
          CHECK(test::relative_error(out.back(on), wanted) < 2e-5);
        }
      });
  });
}

TEST_CASE("gates, projections and means are what the host makes of them") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  constexpr auto here = bl::memory::host;
  using format = bl::format::int4<32>;
  for (const bl::index queries : {1, 5}) {
    const bl::index batch = 2, rows = batch * queries;
    const auto x = test::random_tensor<float>(draw, 1.0f, 1, 1, rows, 64);
    test::device_tensor<float> dx(on, x);
    const bl::normed<bl::norm::none> as_is{};
    SUBCASE("gate") {
      const test::random_weights<format> w(draw, 34, 64);
      device_weights<format> dw(on, w);
      auto wanted = test::poisoned_tensor<float>(1, 1, rows, 17);
      test::device_tensor<float> out(on, wanted);
      bl::run(bl::host::here(),
              bl::stage{bl::source::rows<here>{x.matrix()}, as_is, w.view(true),
                        bl::epilogue::gated<bl::activation::silu, here>{{wanted.data.data(), rows, 17}, {}},
                        rows});
      bl::run(on, bl::stage{bl::source::rows<there>{dx.matrix()}, as_is, dw.view(true),
                            bl::epilogue::gated<bl::activation::silu, there>{out.matrix(), {}}, rows});
      CHECK(test::relative_error(out.back(on), wanted.data) < 1e-5);
    }
    SUBCASE("projection") {
      using attention = bl::attention<bl::heads<4, 2, 8>, bl::position::rope<>, bl::cache::contiguous<float>>;
      const test::random_weights<format> w(draw, 64, 64);
      device_weights<format> dw(on, w);
      const std::vector<int> positions{3, 4, 5, 6, 7, 0, 1, 2, 3, 4};
      auto dpositions = test::to_device(on, positions);
      auto q = test::poisoned_tensor<float>(batch, queries, 4, 8);
      test::tensor<float> keys(batch, 9, 2, 8), values(batch, 9, 2, 8);
      test::device_tensor<float> dq(on, q), dkeys(on, keys), dvalues(on, values);
      bl::run(bl::host::here(),
              bl::stage{
                  bl::source::rows<here>{x.matrix()}, as_is, w.view(false),
                  bl::epilogue::projection<attention, here>{
                      q.view(), keys.view(), values.view(), {positions.data(), rows}, attention{}.position()},
                  rows});
      bl::run(
          on,
          bl::stage{
              bl::source::rows<there>{dx.matrix()}, as_is, dw.view(false),
              bl::epilogue::projection<attention, there>{
                  dq.view(), dkeys.view(), dvalues.view(), {dpositions.data(), rows}, attention{}.position()},
              rows});
      CHECK(test::relative_error(dq.back(on), q.data) < 1e-5);
      CHECK(test::relative_error(dkeys.back(on), keys.data) < 1e-5);
      CHECK(test::relative_error(dvalues.back(on), values.data) < 1e-5);
    }
    SUBCASE("conditions") {
      const test::random_weights<format> w(draw, 21, 64);
      device_weights<format> dw(on, w);
      const auto conditions = test::random_tensor<float>(draw, 1.0f, 1, 1, 3, 64);
      test::device_tensor<float> dconditions(on, conditions);
      const std::vector<int> of_row{2, -1, 0, 0, 1, -1, 1, 2, 0, 1};
      auto dof_row = test::to_device(on, of_row);
      auto wanted = test::random_tensor<float>(draw, 1.0f, 1, 1, rows, 21);
      test::device_tensor<float> out(on, wanted);
      const auto run = [&]<bl::memory Where>(auto where, const bl::view<const float, 2, Where>& from,
                                             const auto& weights, const bl::view<const float, 2, Where>& by,
                                             const bl::view<const int, 1, Where>& rows_by,
                                             const bl::view<float, 2, Where>& into) {
        const bl::source::modulated modulated{bl::source::rows<Where>{from}, by, by, rows_by};
        bl::run(where,
                bl::stage{bl::source::activated{modulated, bl::activation::silu{}}, as_is, weights,
                          bl::epilogue::modulated<bl::activation::gelu, Where>{into, into, by, rows_by, {}},
                          rows});
      };
      run(bl::host::here(), x.matrix(), w.view(true), conditions.matrix(),
          bl::host_view<const int, 1>(of_row.data(), rows),
          bl::host_view<float, 2>(wanted.data.data(), rows, 21));
      run(on, bl::device_view<const float, 2>(dx.matrix()), dw.view(true),
          bl::device_view<const float, 2>(dconditions.matrix()),
          bl::device_view<const int, 1>(dof_row.data(), rows), out.matrix());
      CHECK(test::relative_error(out.back(on), wanted.data) < 1e-5);
    }
    SUBCASE("mean") {
      const test::random_weights<format> w(draw, 10, 64);
      device_weights<format> dw(on, w);
      auto wanted = test::poisoned_tensor<float>(1, 1, batch, 10);
      test::device_tensor<float> out(on, wanted);
      using epilogue_here = bl::epilogue::plain<bl::activation::identity, here>;
      using epilogue_there = bl::epilogue::plain<bl::activation::identity, there>;
      bl::run(bl::host::here(),
              bl::stage{bl::source::mean_of_rows<here>{x.matrix(), queries}, as_is, w.view(true),
                        epilogue_here{{wanted.data.data(), batch, 10}, {}, {}}, batch});
      bl::run(on, bl::stage{bl::source::mean_of_rows<there>{dx.matrix(), queries}, as_is, dw.view(true),
                            epilogue_there{out.matrix(), {}, {}}, batch});
      CHECK(test::relative_error(out.back(on), wanted.data) < 1e-5);
    }
  }
}

TEST_CASE("rows too long for shared memory are refused by name") {
  const auto on = bl::cuda::on();
  const bl::index columns = 1 << 20;
  test::device_tensor<float> x(on, test::tensor<float>(1, 1, 1, columns)),
      y(on, test::tensor<float>(1, 1, 1, 2));
  test::device_tensor<float> w(on, test::tensor<float>(1, 1, 2, columns));
  const bl::weights<bl::format::dense<float>, there> weights{
      reinterpret_cast<const std::byte*>(w.data.data()), nullptr, nullptr, 2, columns};
  const bl::stage stage{bl::source::rows<there>{x.matrix()}, bl::normed<bl::norm::none>{}, weights,
                        bl::epilogue::plain<bl::activation::identity, there>{y.matrix(), {}, {}}, 1};
  CHECK_THROWS_AS(bl::run(on, stage), bl::shape_error);
}
