// SPDX-License-Identifier: Apache-2.0

// Score, position and normalizer policies and observers on the device against their meaning on the host.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/attend/observe/row_maximum.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/copy_to.cuh"
#include "byteloom/cuda/merge.cuh"
#include "byteloom/host/merge.hpp"
#include "byteloom/position/sinusoidal.hpp"
#include "support/on_device.cuh"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

template <class Spec>
double error_of(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  const auto q = test::random_tensor<float>(draw, 1.0f, shape.batch, shape.queries, heads.query, heads.size);
  const auto k = test::random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.size);
  const auto v = test::random_tensor<float>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.value_size);
  const auto poison = test::poisoned_tensor<float>(shape.batch, shape.queries, heads.query, heads.value_size);
  auto wanted = test::poisoned_tensor<double>(shape.batch, shape.queries, heads.query, heads.value_size);
  test::device_tensor<float> dq(on, q), dk(on, k), dv(on, v), out(on, poison);
  const auto moved = bl::copy_to(on, spec);
  bl::attend(on, moved.spec(), dq.view(), dk.view(), dv.view(), out.view());
  bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
  return test::relative_error(out.back(on), wanted.data);
}

/// Positions 37 * i of a table [rows, width], a row a block.
template <bl::position::pairing Pairing>
__global__ void sinusoidal_kernel(float* table, int width) {
  for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
    table[static_cast<int>(blockIdx.x) * width + i] =
        bl::position::sinusoidal<Pairing>(37 * static_cast<bl::index>(blockIdx.x), i, width);
}

template <bl::position::pairing Pairing>
double sinusoidal_error(int rows, int width) {
  const auto on = bl::cuda::on();
  test::device_tensor<float> found(on, test::poisoned_tensor<float>(1, 1, rows, width));
  sinusoidal_kernel<Pairing><<<static_cast<unsigned>(rows), 64>>>(found.data.data(), width);
  REQUIRE(cudaGetLastError() == cudaSuccess);
  std::vector<double> wanted;
  for (int row = 0; row < rows; ++row)
    for (int i = 0; i < width; ++i)
      wanted.push_back(bl::position::sinusoidal<Pairing, double>(37 * row, i, width));
  return test::relative_error(found.back(on), wanted);
}

}  // namespace

TEST_CASE("score, position and normalizer policies on the device agree with the reference") {
  auto draw = test::generator();
  const auto check = [&](const char* name, const auto& spec, test::attend_shape shape) {
    CAPTURE(std::string(name));
    // tanh is the hardware's approximation on the device, absolute 2^-11 of the cap
    const bool approximate = std::string_view(name).find("soft-cap") != std::string_view::npos ||
                             std::string_view(name).find("softcap") != std::string_view::npos;
    CHECK(error_of(draw, spec, shape) < (approximate ? 5e-3 : 1e-5));
  };
  test::for_each_score_attention(draw, check);
  test::for_each_position_attention(draw, check);
  test::for_each_normalizer_attention(draw, check);
}

TEST_CASE("sinusoidal positions on the device are the host's") {
  using bl::position::pairing;
  // reduced in float, angles of up to 11,063 would be off by 4e-5
  CHECK(sinusoidal_error<pairing::interleaved>(300, 96) < 1e-6);
  CHECK(sinusoidal_error<pairing::half_split>(300, 96) < 1e-6);
}

TEST_CASE("observers on the device get what they get from the reference") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const std::vector<float> logits{0.5f, 1.0f, -2.0f, 4.0f};
  auto sums = test::poisoned_tensor<float>(1, 2, 45, 4), largest = test::poisoned_tensor<float>(1, 2, 45, 4);
  using sinks = bl::normalizer::sinks<>;
  using lse = bl::observe::log_sum_exp<>;
  using top = bl::observe::row_maximum<>;
  const bl::attention<bl::heads<4, 2, 16>, bl::mask::window<20>, test::every_third, sinks, lse, top> spec{
      sinks{bl::host_view<const float, 1>(logits.data(), 4)},
      lse{bl::host_view<float, 3>(sums.data.data(), 2, 45, 4)},
      top{bl::host_view<float, 3>(largest.data.data(), 2, 45, 4)}};
  const auto q = test::random_tensor<float>(draw, 1.0f, 2, 45, 4, 16);
  const auto k = test::random_tensor<float>(draw, 1.0f, 2, 100, 2, 16);
  auto wanted = test::poisoned_tensor<double>(2, 45, 4, 16);
  const auto moved = bl::copy_to(on, spec);
  test::device_tensor<float> dq(on, q), dk(on, k), out(on, test::poisoned_tensor<float>(2, 45, 4, 16));
  bl::attend(on, moved.spec(), dq.view(), dk.view(), dk.view(), out.view());
  bl::reference::attend(spec, q.view(), k.view(), k.view(), wanted.view());
  CHECK(test::relative_error(out.back(on), wanted.data) < 1e-5);
  const auto back = [&](const float* from) {
    std::vector<float> result(sums.data.size());
    REQUIRE(cudaMemcpy(result.data(), from, result.size() * sizeof(float), cudaMemcpyDeviceToHost) ==
            cudaSuccess);
    return result;
  };
  CHECK(test::relative_error(back(moved.spec().get<4>().out.data), sums.data) < 1e-6);
  CHECK(test::relative_error(back(moved.spec().get<5>().out.data), largest.data) < 1e-6);
}

TEST_CASE("outputs merge on the device as on the host, also in place") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const auto a = test::random_tensor<float>(draw, 1.0f, 3, 50, 4, 40);
  const auto b = test::random_tensor<float>(draw, 1.0f, 3, 50, 4, 40);
  auto lse_a = test::random_tensor<float>(draw, 5.0f, 1, 3, 50, 4);
  auto lse_b = test::random_tensor<float>(draw, 5.0f, 1, 3, 50, 4);
  for (std::size_t i = 0; i < lse_a.data.size(); i += 3)
    (i % 2 == 0 ? lse_a : lse_b).data[i] = -std::numeric_limits<float>::infinity();
  lse_a.data[30] = lse_b.data[30] = -std::numeric_limits<float>::infinity();
  auto out = test::poisoned_tensor<float>(3, 50, 4, 40), lse = test::poisoned_tensor<float>(1, 3, 50, 4);
  const auto sums = [](auto& x) {
    using real = std::remove_reference_t<decltype(*x.view().data)>;
    return bl::host_view<real, 3>(x.data.data(), 3, 50, 4);
  };
  bl::merge(bl::host::here(), a.view(), sums(lse_a), b.view(), sums(lse_b), out.view(), sums(lse));
  test::device_tensor<float> da(on, a), db(on, b), dlse_a(on, lse_a), dlse_b(on, lse_b);
  const auto on_device = [](auto& x) { return bl::device_view<float, 3>(x.data.data(), 3, 50, 4); };
  bl::merge(on, da.view(), on_device(dlse_a), db.view(), on_device(dlse_b), db.view(), on_device(dlse_b));
  CHECK(test::relative_error(db.back(on), out.data) < 1e-6);
  const auto found = dlse_b.back(on);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(lse.data[i]))
      CHECK(found[i] == lse.data[i]);
    else
      CHECK(found[i] == doctest::Approx(lse.data[i]).epsilon(1e-5));
  }
}
