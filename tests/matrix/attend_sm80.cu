// SPDX-License-Identifier: Apache-2.0

// Attention on the tensor cores from Ampere on, against its meaning in double precision on the host. The
// kernel is forced here whatever the GPU.

#include "byteloom/cuda/sm80/attend.cuh"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "byteloom/attend/reference.hpp"
#include "support/attentions.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using usual = bl::cuda::default_attend_sm80_tuning;

template <int Warps, int RowGroups, int Keys, int Stages, bool Keep>
struct tuned {
  static consteval bl::cuda::attend_sm80_tile sm80(const bl::cuda::attend_needs&) {
    return {Warps, RowGroups, Keys, Stages, Keep};
  }
};

/// Weights and outputs are rounded to T, each with a relative error of 2^-9 (bf16) or 2^-12 (f16) at most and
/// about half of it in the mean square; sums are in float. Twice what these make together.
template <class T>
constexpr double bound = std::is_same_v<T, bl::bf16> ? 4e-3 : 6e-4;

/// Runs three times on poisoned outputs, whose bits must be the same.
template <class Tuning, class T, class O, class Spec>
double error_of(std::mt19937_64& draw, const Spec& spec, test::attend_shape shape, float spread = 1.0f) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  const auto q = test::random_tensor<T>(draw, spread, shape.batch, shape.queries, heads.query, heads.size);
  const auto k = test::random_tensor<T>(draw, spread, shape.batch, shape.keys, heads.key, heads.size);
  const auto v = test::random_tensor<T>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.value_size);
  auto wanted = test::poisoned_tensor<double>(shape.batch, shape.queries, heads.query, heads.value_size);
  bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
  test::device_tensor<T> dq(on, q), dk(on, k), dv(on, v);
  std::vector<O> first;
  for (int round = 0; round < 3; ++round) {
    test::device_tensor<O> out(
        on, test::poisoned_tensor<O>(shape.batch, shape.queries, heads.query, heads.value_size));
    bl::cuda::detail::attend_sm80<Tuning, Spec, T, O>(on, spec, dq.view(), dk.view(), dv.view(), out.view());
    const auto found = out.back(on);
    if (round == 0) first = found;
    CHECK(std::memcmp(found.data(), first.data(), found.size() * sizeof(O)) == 0);
  }
  return test::relative_error(first, wanted.data);
}

template <class T, int Size, int ValueSize = Size>
void check_size(std::mt19937_64& draw) {
  CAPTURE(Size);
  CAPTURE(ValueSize);
  const bl::attention<bl::heads<4, 2, Size, ValueSize>, bl::mask::causal> spec;
  CHECK(error_of<usual, T, T>(draw, spec, {2, 215, 315}) < bound<T>);
  CHECK(error_of<usual, T, T>(draw, spec, {1, 64, 64}) < bound<T>);
  CHECK(error_of<usual, T, T>(draw, spec, {1, 1, 1}) < bound<T>);
}

}  // namespace

TEST_CASE("sm80: every head size, grouped heads, tails and appended queries") {
  auto draw = test::generator();
  check_size<bl::bf16, 8>(draw);
  check_size<bl::bf16, 16>(draw);
  check_size<bl::bf16, 40>(draw);
  check_size<bl::bf16, 64>(draw);
  check_size<bl::bf16, 72>(draw);
  check_size<bl::bf16, 80>(draw);
  check_size<bl::bf16, 96>(draw);
  check_size<bl::bf16, 128>(draw);
  check_size<bl::bf16, 160>(draw);
  check_size<bl::bf16, 256>(draw);
  check_size<bl::bf16, 192, 128>(draw);
  check_size<bl::bf16, 64, 256>(draw);
  check_size<bl::bf16, 512, 64>(draw);
  check_size<bl::f16, 40>(draw);
  check_size<bl::f16, 64>(draw);
  check_size<bl::f16, 128>(draw);
}

TEST_CASE("sm80: every number of queries and keys around a tile's edge") {
  auto draw = test::generator();
  const bl::attention<bl::heads<2, 1, 64>, bl::mask::causal> causal;
  const bl::attention<bl::heads<2, 1, 64>> full;
  for (const int queries : {1, 7, 16, 17, 63, 127, 128, 129})
    for (const int more : {0, 1, 63, 64, 65}) {
      CAPTURE(queries);
      CAPTURE(more);
      CHECK(error_of<usual, bl::bf16, bl::bf16>(draw, causal, {1, queries, queries + more}) <
            bound<bl::bf16>);
      CHECK(error_of<usual, bl::bf16, bl::bf16>(draw, full, {1, queries, queries + more}) < bound<bl::bf16>);
    }
  CHECK(error_of<usual, bl::bf16, bl::bf16>(draw, causal, {3, 5, 3001}) < bound<bl::bf16>);
}

TEST_CASE("sm80: masks and scores of every kind") {
  using namespace bl;
  auto draw = test::generator();
  const auto check = [&](const char* name, const auto& spec, double most = bound<bf16>) {
    CAPTURE(std::string(name));
    CHECK(error_of<usual, bf16, bf16>(draw, spec, {2, 115, 315}) < most);
  };
  using h = heads<4, 2, 64>;
  check("window", attention<h, mask::causal, mask::window<100>>{});
  check("window at run time", attention<h, mask::window<>, mask::causal>{mask::window<>{{17}}});
  // tanh is the hardware's approximation, absolute 2^-11 of the cap
  check("softcap", attention<h, score::softcap, mask::causal>{score::softcap{4.0f}}, 8e-3);
  check("scale", attention<h, score::scale, mask::causal>{score::scale{0.2f}});
  check("negative scale", attention<h, score::scale, mask::causal>{score::scale{-0.2f}});
  check("user's score", attention<h, test::distance_penalty, mask::causal>{test::distance_penalty{0.05f}});
  check("user's score by coordinates", attention<heads<6, 2, 64>, mask::causal, test::coordinate_bias>{});
  check("user's mask by head", attention<h, test::half_by_head>{test::half_by_head{150}});
  check("user's mask without cover", attention<h, test::every_third>{});
  check("rows without a key", attention<h, mask::window<2>, test::every_third, mask::causal>{});
  check("head counts at run time",
        attention<heads<dynamic, dynamic, 64>, mask::causal>{heads<dynamic, dynamic, 64>{{6}, {3}, {}, {}}});
  CHECK(error_of<usual, bf16, bf16>(draw, attention<heads<2, 1, 128>, mask::causal>{}, {1, 115, 315}, 6.0f) <
        bound<bf16>);
}

TEST_CASE("sm80: outputs in float") {
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 128>, bl::mask::causal> spec;
  CHECK(error_of<usual, bl::bf16, float>(draw, spec, {2, 130, 515}) < bound<bl::bf16>);
  CHECK(error_of<usual, bl::f16, float>(draw, spec, {2, 130, 515}) < bound<bl::f16>);
  const bl::attention<bl::heads<4, 2, 40>> narrow;
  CHECK(error_of<usual, bl::bf16, float>(draw, narrow, {2, 130, 515}) < bound<bl::bf16>);
}

TEST_CASE("sm80: a tile is no part of the meaning") {
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 64>, bl::mask::causal> spec;
  const test::attend_shape shape{2, 300, 421};
  using T = bl::bf16;
  CHECK(error_of<tuned<4, 1, 16, 1, false>, T, T>(draw, spec, shape) < bound<T>);
  CHECK(error_of<tuned<4, 1, 64, 2, true>, T, T>(draw, spec, shape) < bound<T>);
  CHECK(error_of<tuned<4, 2, 48, 1, true>, T, T>(draw, spec, shape) < bound<T>);
  CHECK(error_of<tuned<4, 2, 96, 1, false>, T, T>(draw, spec, shape) < bound<T>);
  CHECK(error_of<tuned<8, 1, 64, 2, false>, T, T>(draw, spec, shape) < bound<T>);
  CHECK(error_of<tuned<8, 2, 32, 1, false>, T, T>(draw, spec, shape) < bound<T>);
}

TEST_CASE("sm80: a row that keeps no key is 0") {
  const auto on = bl::cuda::on();
  auto draw = test::generator();
  const bl::attention<bl::heads<2, 1, 64>, test::half_by_head> spec{
      test::half_by_head{0}};  // even heads see nothing
  const auto q = test::random_tensor<bl::bf16>(draw, 1.0f, 1, 70, 2, 64);
  const auto k = test::random_tensor<bl::bf16>(draw, 1.0f, 1, 90, 1, 64);
  test::device_tensor<bl::bf16> dq(on, q), dk(on, k), out(on, test::poisoned_tensor<bl::bf16>(1, 70, 2, 64));
  bl::cuda::detail::attend_sm80<usual, decltype(spec), bl::bf16, bl::bf16>(on, spec, dq.view(), dk.view(),
                                                                           dk.view(), out.view());
  const auto found = out.back(on);
  for (std::size_t row = 0; row < 70; ++row)
    for (std::size_t i = 0; i < 64; ++i) REQUIRE(static_cast<float>(found[row * 128 + i]) == 0.0f);
}

TEST_CASE("sm80: views with gaps are read and written where they say") {
  const auto on = bl::cuda::on();
  auto draw = test::generator();
  const bl::attention<bl::heads<4, 2, 72>, bl::mask::causal> spec;
  constexpr int batch = 2, queries = 77, keys = 133, size = 72;
  // [batch, heads, positions, 96]: heads before positions, and rows longer than the head
  const auto q = test::random_tensor<bl::bf16>(draw, 1.0f, batch, 4, queries, 96);
  const auto k = test::random_tensor<bl::bf16>(draw, 1.0f, batch, 2, keys, 96);
  const auto v = test::random_tensor<bl::bf16>(draw, 1.0f, batch, 2, keys, 96);
  const auto turned = [](auto x) {
    auto result = x;
    result.extent[1] = x.extent[2];
    result.extent[2] = x.extent[1];
    result.stride[1] = x.stride[2];
    result.stride[2] = x.stride[1];
    result.extent[3] = size;
    return result;
  };
  auto wanted = test::poisoned_tensor<double>(batch, queries, 4, size);
  bl::reference::attend(spec, turned(q.view()), turned(k.view()), turned(v.view()), wanted.view());
  test::device_tensor<bl::bf16> dq(on, q), dk(on, k), dv(on, v);
  // as pieces, and with dimensions apart, which are written one by one; what lies between stays as it was
  for (const int apart : {1, 2}) {
    CAPTURE(apart);
    test::device_tensor<bl::bf16> out(on, test::poisoned_tensor<bl::bf16>(batch, 4, queries, 96 * apart));
    auto to = turned(out.view());
    to.stride[3] = apart;
    bl::cuda::detail::attend_sm80<usual, decltype(spec), bl::bf16, bl::bf16>(
        on, spec, turned(dq.view()), turned(dk.view()), turned(dv.view()), to);
    const auto all = out.back(on);
    std::vector<bl::bf16> found;
    std::size_t written = 0;
    for (const auto x : all) written += static_cast<float>(x) == static_cast<float>(x);
    for (int b = 0; b < batch; ++b)
      for (int row = 0; row < queries; ++row)
        for (int head = 0; head < 4; ++head)
          for (int i = 0; i < size; ++i)
            found.push_back(all[static_cast<std::size_t>(b * to.stride[0] + row * to.stride[1] +
                                                         head * to.stride[2] + i * to.stride[3])]);
    CHECK(written == found.size());
    CHECK(test::relative_error(found, wanted.data) < bound<bl::bf16>);
  }
}

TEST_CASE("sm80: what cannot be read in pieces is named before anything is launched") {
  const auto on = bl::cuda::on();
  const bl::attention<bl::heads<2, 2, 64>> spec;
  using spec_type = bl::attention<bl::heads<2, 2, 64>>;
  test::device_tensor<bl::bf16> x(on, test::tensor<bl::bf16>(1, 8, 2, 72));
  const auto run = [&](auto q, auto k) {
    bl::cuda::detail::attend_sm80<usual, spec_type, bl::bf16, bl::bf16>(on, spec, q, k, k, q);
  };
  bl::device_view<bl::bf16, 4> fine(x.data.data(), 1, 4, 2, 64);
  auto crooked = fine;
  crooked.data += 1;
  CHECK_THROWS_WITH_AS(
      run(crooked, fine),
      "attend: q does not begin at a multiple of 16 bytes, in which its rows are read; align it.",
      bl::shape_error);
  auto apart = fine;
  apart.stride[3] = 2;
  CHECK_THROWS_WITH_AS(
      run(fine, apart),
      "attend: k has dimensions that are not neighbours (stride 1); make the last axis contiguous.",
      bl::shape_error);
  auto odd = fine;
  odd.stride[1] = 132;
  CHECK_THROWS_WITH_AS(
      run(fine, odd),
      "attend: k has a stride of 132 elements; its rows are read 16 bytes at a time, which needs multiples "
      "of 8.",
      bl::shape_error);
}
