// SPDX-License-Identifier: Apache-2.0

// Attention inside groups of tokens on the device against its meaning in double precision on the host.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/copy_to.cuh"
#include "support/on_device.cuh"
#include "support/packed_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

/// Queries, keys and values of 16-bit elements, on the host and on the device.
template <class T>
struct packed_inputs {
  test::tensor<T> q, k, v;
  test::device_tensor<T> dq, dk, dv;

  template <class Spec>
  packed_inputs(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape, float spread = 1.0f)
      : q(test::random_tensor<T>(draw, spread, shape.batch, shape.queries, spec.heads().query,
                                 spec.heads().size)),
        k(test::random_tensor<T>(draw, spread, shape.batch, shape.keys, spec.heads().key, spec.heads().size)),
        v(test::random_tensor<T>(draw, 1.0f, shape.batch, shape.keys, spec.heads().key,
                                 spec.heads().value_size)),
        dq(bl::cuda::on(), q),
        dk(bl::cuda::on(), k),
        dv(bl::cuda::on(), v) {}
};

template <class T, class O, class Spec>
void check(std::mt19937_64& draw, const char* name, const Spec& spec, test::attend_shape shape) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  CAPTURE(std::string(name));
  packed_inputs<T> in(draw, spec, shape);
  auto wanted = test::poisoned_tensor<double>(shape.batch, shape.queries, heads.query, heads.value_size);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  const auto moved = bl::copy_to(on, spec);
  const auto poison = test::poisoned_tensor<O>(shape.batch, shape.queries, heads.query, heads.value_size);
  std::vector<O> first;
  for (int round = 0; round < 5; ++round) {
    test::device_tensor<O> out(on, poison);
    bl::attend(on, moved.spec(), in.dq.view(), in.dk.view(), in.dv.view(), out.view());
    const auto found = out.back(on);
    if (round == 0) first = found;
    CHECK(std::memcmp(found.data(), first.data(), found.size() * sizeof(O)) == 0);
  }
  // weights have the precision of T; queries and keys that are turned are rounded to it once more
  const double unit = std::is_same_v<T, bl::bf16> ? 1.0 / 256 : 1.0 / 2048;
  CHECK(test::relative_error(first, wanted.data) < unit * (Spec::position_type::turns ? 3 : 1.5));
}

/// A user's selector, which says nothing of other attentions.
template <int Warps, int Problems, int Keys>
struct packed_tile {
  static constexpr bl::cuda::attend_packed_tile packed(const bl::cuda::attend_packed_needs& needs) {
    return needs.largest == 49 ? bl::cuda::attend_packed_tile{Warps, Problems, Keys}
                               : bl::cuda::choose_attend_packed_tile(needs);
  }
};

}  // namespace

TEST_CASE("attention inside groups agrees with the reference, for every group policy") {
  auto draw = test::generator();
  test::for_each_packed(draw, [&](const char* name, const auto& spec, test::attend_shape shape) {
    check<bl::bf16, bl::bf16>(draw, name, spec, shape);
    check<bl::f16, float>(draw, name, spec, shape);
  });
}

TEST_CASE("tokens of no group give zeros and minus infinity, and observers are told of the others") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const auto offsets = test::run_offsets(draw, 30, 0, 40, 5);
  const int length = offsets.back() + 9;
  using spec_type = bl::attention<bl::heads<4, 2, 64>, bl::group::segments<40>, bl::observe::log_sum_exp<>>;
  auto sums = test::poisoned_tensor<float>(1, length, 4);
  const spec_type spec{bl::group::segments<40>(bl::host_view<const int, 1>(offsets.data(), offsets.size())),
                       bl::observe::log_sum_exp<>(bl::host_view<float, 3>(sums.data.data(), 1, length, 4))};
  const auto moved = bl::copy_to(on, spec);
  packed_inputs<bl::bf16> in(draw, spec, {1, length, length});
  test::device_tensor<bl::bf16> out(on, test::poisoned_tensor<bl::bf16>(1, length, 4, 64));
  auto wanted = test::poisoned_tensor<double>(1, length, 4, 64);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  bl::attend(on, moved.spec(), in.dq.view(), in.dk.view(), in.dv.view(), out.view());
  CHECK(test::relative_error(out.back(on), wanted.data) < 6e-3);
  const auto& observer = moved.spec().template get<2>();
  std::vector<float> found(sums.data.size());
  CHECK(cudaMemcpy(found.data(), observer.out.data, found.size() * sizeof(float), cudaMemcpyDeviceToHost) ==
        cudaSuccess);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(sums.data[i]))
      CHECK(found[i] == sums.data[i]);
    else
      CHECK(found[i] == doctest::Approx(sums.data[i]).epsilon(1e-3));
  }
}

TEST_CASE("strides are free: heads before positions, and outputs that cannot be written 16 bytes at a time") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<4, 4, 32>, bl::group::windows<7, 7>> spec{
      bl::group::windows<7, 7>({14, 14}, {3, 3})};
  packed_inputs<bl::f16> in(draw, spec, {2, 196, 196});
  test::device_tensor<bl::f16> plain(on, test::poisoned_tensor<bl::f16>(2, 196, 4, 32));
  bl::attend(on, spec, in.dq.view(), in.dk.view(), in.dv.view(), plain.view());
  const auto wanted = plain.back(on);
  const auto heads_first = [](bl::device_view<bl::f16, 4> x) {
    std::swap(x.extent[1], x.extent[2]);
    std::swap(x.stride[1], x.stride[2]);
    return x;
  };
  test::tensor<bl::f16> turned(2, 4, 196, 32);
  for (int b = 0; b < 2; ++b)
    for (int row = 0; row < 196; ++row)
      for (int head = 0; head < 4; ++head)
        for (int i = 0; i < 32; ++i) turned.view()(b, head, row, i) = in.q.view()(b, row, head, i);
  test::device_tensor<bl::f16> dq(on, turned), odd(on, test::poisoned_tensor<bl::f16>(2, 196, 4, 33));
  auto to = odd.view();
  to.extent[3] = 32;
  bl::attend(on, spec, heads_first(dq.view()), in.dk.view(), in.dv.view(), to);
  const auto found = odd.back(on);
  bool equal = true;
  for (std::size_t row = 0; row < wanted.size() / 32; ++row)
    for (std::size_t i = 0; i < 32; ++i)
      equal = equal && static_cast<float>(found[row * 33 + i]) == static_cast<float>(wanted[row * 32 + i]);
  CHECK(equal);
}

TEST_CASE("a tile is no part of the meaning of groups, and a selector chooses it") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<4, 2, 32>, bl::group::windows<7, 7>> spec{
      bl::group::windows<7, 7>({14, 14}, {3, 3})};
  packed_inputs<bl::bf16> in(draw, spec, {2, 196, 196});
  auto wanted = test::poisoned_tensor<double>(2, 196, 4, 32);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  const auto check_tile = [&]<class Tuning>(Tuning) {
    test::device_tensor<bl::bf16> out(on, test::poisoned_tensor<bl::bf16>(2, 196, 4, 32));
    bl::attend<Tuning>(on, spec, in.dq.view(), in.dk.view(), in.dv.view(), out.view());
    CHECK(test::relative_error(out.back(on), wanted.data) < 6e-3);
  };
  check_tile(packed_tile<1, 1, 56>{});
  check_tile(packed_tile<1, 2, 16>{});
  check_tile(packed_tile<4, 1, 32>{});
  check_tile(packed_tile<2, 1, 64>{});
}

TEST_CASE("large scores keep their weights") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<2, 2, 64>, bl::group::windows<64>> spec{bl::group::windows<64>({256})};
  packed_inputs<bl::bf16> in(draw, spec, {2, 256, 256}, 8.0f);
  test::device_tensor<float> out(on, test::poisoned_tensor<float>(2, 256, 2, 64));
  auto wanted = test::poisoned_tensor<double>(2, 256, 2, 64);
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  bl::attend(on, spec, in.dq.view(), in.dk.view(), in.dv.view(), out.view());
  CHECK(test::relative_error(out.back(on), wanted.data) < 6e-3);
}

TEST_CASE("a group longer than its policy says gives NaN, and the others their outputs") {
  auto draw = test::generator();
  const auto on = bl::cuda::on();
  const std::vector<int> offsets{0, 12, 33, 40};
  auto on_device = test::to_device(on, offsets);
  using spec_type = bl::attention<bl::heads<2, 2, 32>, bl::group::segments<16, bl::memory::device>>;
  const spec_type spec{
      bl::group::segments<16, bl::memory::device>(bl::device_view<const int, 1>(on_device.data(), 4))};
  packed_inputs<bl::bf16> in(draw, spec, {1, 40, 40});
  test::device_tensor<float> out(on, test::poisoned_tensor<float>(1, 40, 2, 32));
  bl::attend(on, spec, in.dq.view(), in.dk.view(), in.dv.view(), out.view());
  const auto found = out.back(on);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool too_long = i / 64 >= 12 && i / 64 < 33;
    CHECK(std::isnan(found[i]) == too_long);
  }
}

TEST_CASE("rows that cannot be read 16 bytes at a time are named") {
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<2, 2, 32>, bl::group::windows<8>> spec{bl::group::windows<8>({16})};
  test::device_tensor<bl::bf16> x(on, test::tensor<bl::bf16>(1, 17, 2, 33));
  auto view = x.view();
  view.extent[1] = 16;
  view.extent[3] = 32;
  CHECK_THROWS_AS(bl::attend(on, spec, view, view, view, view), bl::shape_error);
}
