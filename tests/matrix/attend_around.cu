// SPDX-License-Identifier: Apache-2.0

// What a composition makes of rows beyond one map and one pass, at shapes of more than one tile and in both
// 16-bit elements, through the tensor-core paths.

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "matrix/agree.cuh"
#include "support/join_attentions.hpp"

namespace {

/// Weights and outputs are rounded to T.
template <class T>
constexpr double bound = std::is_same_v<T, bl::bf16> ? test::bf16_bound : 8e-4;

constexpr test::attend_shape shapes[] = {{2, 77, 133}, {1, 150, 389}};

/// check(name, spec_of(shape)) in both elements; spec_of may draw.
template <class F>
void check_shapes(std::mt19937_64& draw, const char* name, const F& spec_of) {
  for (const auto shape : shapes) {
    CAPTURE(shape.queries);
    spec_of(shape, [&](const auto& spec) {
      test::check_both_paths<bl::bf16>(draw, name, spec, shape, bound<bl::bf16>);
      test::check_both_paths<bl::f16>(draw, name, spec, shape, bound<bl::f16>);
    });
  }
}

}  // namespace

TEST_CASE("two passes over the keys on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  using clipped = normalizer::clipped_softmax;
  const auto same = [](const auto& spec) { return [spec](auto, const auto& check) { check(spec); }; };
  check_shapes(draw, "clipped", same(attention<heads<4, 2, 64>, clipped>{clipped{-0.003f, 1.02f}}));
  check_shapes(draw, "clipped, causal",
               same(attention<heads<4, 2, 128>, mask::causal, clipped>{clipped{-0.003f, 1.02f}}));
  check_shapes(draw, "clipped, values of their own size, scaled by the row",
               same(attention<heads<2, 1, 40, 72>, test::every_third, clipped, test::coordinate_bias>{
                   clipped{-0.003f}}));
  check_shapes(draw, "clipped, negative scale",
               same(attention<heads<2, 1, 64>, score::scale, mask::causal, clipped>{score::scale{-0.2f},
                                                                                    clipped{-0.003f}}));
  check_shapes(draw, "shaped", same(attention<heads<4, 2, 64>, normalizer::shaped>{}));
  check_shapes(draw, "shaped, causal", same(attention<heads<2, 1, 128>, mask::causal, normalizer::shaped>{}));
  check_shapes(draw, "shaped, wide",
               same(attention<heads<2, 1, 256>, mask::window<100>, normalizer::shaped>{}));
}

TEST_CASE("changed outputs on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  const auto gated = [&]<int Size>(std::integral_constant<int, Size>) {
    return [&](test::attend_shape shape, const auto& check) {
      const auto logits = test::random_tensor<float>(draw, 2.0f, 1, shape.batch, shape.queries, 4);
      test::random_table weight(draw, 1.0f, Size), bias(draw, 1.0f, Size);
      using gate = output::gate<3>;
      using rms = output::norm<norm::rms>;
      using layer = output::norm<norm::layer>;
      const gate by{host_view<const float, 3>(logits.data.data(), shape.batch, shape.queries, 4)};
      check(
          attention<heads<4, 2, Size>, mask::causal, gate, rms>{by, rms{norm::rms{}, 0.8f, weight.vector()}});
      check(attention<heads<4, 4, Size>, test::coordinate_factor, layer, gate>{
          by, layer{norm::layer{}, 0.5f, weight.vector(), bias.vector()}});
    };
  };
  check_shapes(draw, "d64", gated(std::integral_constant<int, 64>{}));
  check_shapes(draw, "d40", gated(std::integral_constant<int, 40>{}));
  check_shapes(draw, "d128", gated(std::integral_constant<int, 128>{}));
  check_shapes(draw, "d256", gated(std::integral_constant<int, 256>{}));
}

TEST_CASE("maps that share a value on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  const auto differential = [&]<int Size>(std::integral_constant<int, Size>) {
    return [&](test::attend_shape, const auto& check) {
      test::random_table weight(draw, 1.0f, 2 * Size), lambdas(draw, 0.3f, 4);
      using plain = maps::difference<>;
      using normed = output::norm<norm::rms>;
      check(attention<heads<8, 4, Size, 2 * Size>, mask::causal, plain, normed>{
          plain{0.37f}, normed{norm::rms{}, 0.8f, weight.vector()}});
      using per_head = maps::difference_per_head<maps::key_heads::paired>;
      check(attention<heads<8, 4, Size>, per_head, test::half_by_head, test::coordinate_bias>{
          per_head{lambdas.vector()}, test::half_by_head{70}});
    };
  };
  check_shapes(draw, "d32", differential(std::integral_constant<int, 32>{}));
  check_shapes(draw, "d64", differential(std::integral_constant<int, 64>{}));
  check_shapes(draw, "d128", differential(std::integral_constant<int, 128>{}));
  check_shapes(draw, "three, two passes", [](auto, const auto& check) {
    check(attention<heads<12, 3, 24, 40>, test::three_maps, mask::window<90>, normalizer::shaped>{});
  });
  check_shapes(draw, "three", [](auto, const auto& check) {
    check(attention<heads<6, 3, 64>, test::three_maps, mask::causal>{});
  });
}

TEST_CASE("keys of another sequence on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  const auto check = [&](const char* name, const auto& spec) {
    for (const auto shape : {test::attend_shape{2, 77, 133}, test::attend_shape{1, 150, 389},
                             test::attend_shape{2, 200, 70}, test::attend_shape{1, 333, 1}}) {
      CAPTURE(shape.queries);
      test::check_both_paths<bf16>(draw, name, spec, shape, bound<bf16>);
      test::check_both_paths<f16>(draw, name, spec, shape, bound<f16>);
    }
  };
  check("apart", attention<heads<4, 2, 64>, keys::apart>{keys::apart{7}});
  check("apart, masked", attention<heads<4, 2, 64>, keys::apart, mask::local<60>>{keys::apart{7}});
  check("apart, causal, coordinates",
        attention<heads<4, 2, 128>, keys::apart, mask::causal, test::coordinate_bias>{keys::apart{3}});
  // A row that keeps one key alone is 0: its share less the mean. There must be more.
  test::check_both_paths<bf16>(
      draw, "apart, counted",
      attention<heads<4, 2, 32>, keys::apart, mask::causal, normalizer::shaped>{keys::apart{3}}, {2, 200, 70},
      bound<bf16>);
}

TEST_CASE("observers of maps on tensor cores are told by query head") {
  using namespace bl;
  auto draw = test::generator();
  const auto on = cuda::on();
  const int queries = 77, keys = 301;
  const auto q = test::random_tensor<bf16>(draw, 1.0f, 2, queries, 4, 64);
  const auto k = test::random_tensor<bf16>(draw, 1.0f, 2, keys, 4, 64);
  const auto v = test::random_tensor<bf16>(draw, 1.0f, 2, keys, 2, 64);
  test::device_tensor<bf16> dq(on, q), dk(on, k), dv(on, v);
  std::vector<float> wanted(2 * queries * 4, std::nanf(""));
  auto meant = test::poisoned_tensor<double>(2, queries, 2, 64);
  using plain = maps::difference<>;
  const auto run = [&]<class Path>(Path, auto normalizer) {
    using own = decltype(normalizer);
    using host_observer = observe::log_sum_exp<memory::host>;
    reference::attend(
        attention<heads<4, 4, 64>, mask::causal, plain, host_observer, own>{
            plain{0.5f}, host_observer{host_view<float, 3>(wanted.data(), 2, queries, 4)}, normalizer},
        q.view(), k.view(), v.view(), meant.view());
    cuda::buffer<float> found(on, wanted.size());
    found.copy_from_host(on, std::vector<float>(wanted.size(), std::nanf("")));
    test::device_tensor<bf16> out(on, test::poisoned_tensor<bf16>(2, queries, 2, 64));
    using observer = observe::log_sum_exp<memory::device>;
    attend<Path>(on,
                 attention<heads<4, 4, 64>, mask::causal, plain, observer, own>{
                     plain{0.5f}, observer{device_view<float, 3>(found.data(), 2, queries, 4)}, normalizer},
                 dq.view(), dk.view(), dv.view(), out.view());
    std::vector<float> back(wanted.size());
    found.copy_to_host(on, back);
    CHECK(test::relative_error(back, wanted) < 1e-5);
    CHECK(test::relative_error(out.back(on), meant.data) < test::bf16_bound);
  };
  test::each_tensor_path([&](auto way) {
    run(way, normalizer::softmax{});
    run(way, normalizer::clipped_softmax{-0.003f});
  });
}
