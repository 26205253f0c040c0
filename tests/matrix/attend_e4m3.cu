// SPDX-License-Identifier: Apache-2.0

// Attention of fp8_e4m3 on Hopper's tensor cores against its meaning in double precision, and on path::simt.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/normalizer/clipped_softmax.hpp"
#include "byteloom/attend/normalizer/sigmoid.hpp"
#include "byteloom/attend/normalizer/sinks.hpp"
#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/attend/output/gate.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/copy_to.cuh"
#include "support/attentions.hpp"
#include "support/e4m3.hpp"
#include "support/join_attentions.hpp"
#include "support/on_device.cuh"
#include "support/random.hpp"

namespace bl = byteloom;

namespace test {

/// Scores -ln(2) * (key % 8): weights that e4m3 holds exactly, different from neighbour to neighbour.
struct halvings {
  using axis = bl::axis::score;
  static constexpr bool replaces_default_scale = true;
  template <class Real>
  BYTELOOM_HD Real operator()(Real, bl::site at) const {
    return static_cast<Real>(-0.693147180559945309) * static_cast<Real>(at.key % 8);
  }
};

}  // namespace test

namespace {

using bl::fp8_e4m3;
using test::halvings;

bool hopper() { return bl::cuda::detail::capability_major() == 9; }

/// Relative error of `How` on these inputs; repetitions with other bits fail.
template <class How, class O, class Spec>
double error_on(const Spec& spec, const test::e4m3_inputs& in) {
  const auto on = bl::cuda::on();
  const auto out_of = [&]<class T>(T) {
    return test::poisoned_tensor<T>(in.q.extent[0], in.q.extent[1],
                                    in.v.extent[2] * spec.heads().query / spec.heads().key, in.v.extent[3]);
  };
  auto wanted = out_of(0.0);
  test::device_tensor<fp8_e4m3> dq(on, in.q), dk(on, in.k), dv(on, in.v);
  const auto moved = bl::copy_to(on, spec);
  const auto run = [&] {
    test::device_tensor<O> out(on, out_of(O(0.0f)));
    bl::attend<How>(on, moved.spec(), dq.view(), dk.view(), dv.view(), out.view());
    return out.back(on);
  };
  const auto found = run();
  for (int again = 0; again < 3; ++again) {
    const auto other = run();
    CHECK(std::memcmp(other.data(), found.data(), found.size() * sizeof(O)) == 0);
  }
  bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  return test::relative_error(found, wanted.data);
}

template <class O = bl::bf16, class How = bl::path::best, class Spec>
void check(std::mt19937_64& draw, const char* name, const Spec& spec, test::attend_shape shape,
           float spread = 1.0f, double bound = test::e4m3_bound) {
  CAPTURE(std::string(name));
  CAPTURE(shape.queries);
  CAPTURE(shape.keys);
  CHECK(error_on<How, O>(spec, test::e4m3_inputs(draw, spec, shape, spread)) < bound);
}

template <int Size, int ValueSize = Size>
void check_size(std::mt19937_64& draw) {
  using namespace bl;
  CAPTURE(Size);
  CAPTURE(ValueSize);
  const attention<heads<4, 2, Size, ValueSize>, mask::causal> causal;
  check(draw, "causal", causal, {2, 77, 133});
  check(draw, "causal, one query", causal, {2, 1, 259});
  check(draw, "full", attention<heads<2, 1, Size, ValueSize>>{}, {1, 150, 300});
}

template <int Warpgroups, int Keys, int Columns, int Stages, bool Turns, bool Overlap, bool TwoLevel>
struct tuned {
  static constexpr bl::cuda::attend_sm90_e4m3_tile sm90_e4m3(int, int, bool, int, bool) {
    return {Warpgroups, Keys, Columns, Stages, Turns, Overlap, TwoLevel};
  }
};

}  // namespace

TEST_CASE("e4m3: head sizes, also of values") {
  if (!hopper()) return;
  auto draw = test::generator();
  check_size<16>(draw);
  check_size<48>(draw);
  check_size<64>(draw);
  check_size<80>(draw);
  check_size<128>(draw);
  check_size<176>(draw);
  check_size<256>(draw);
  check_size<192, 128>(draw);
  check_size<64, 256>(draw);
  check_size<128, 16>(draw);
}

TEST_CASE("e4m3: every number of queries and keys around a tile's edge") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const attention<heads<2, 1, 128>, mask::causal> causal;
  const attention<heads<2, 1, 128>> full;
  for (const int queries : {1, 63, 65, 128, 129})
    for (const int more : {0, 1, 127, 128, 1000}) {
      check(draw, "causal", causal, {1, queries, queries + more});
      check(draw, "full", full, {1, queries, queries + more});
    }
  check(draw, "many sequences and tiles", attention<heads<16, 4, 64>, mask::causal>{}, {5, 300, 513});
  check<float>(draw, "float", causal, {2, 133, 300});
  check<f16>(draw, "f16", causal, {2, 133, 300});
  check(draw, "large scores", causal, {2, 133, 300}, 6.0f);
}

TEST_CASE("e4m3: masks, scores and normalizers") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  using h = heads<4, 2, 64>;
  const test::attend_shape shape{2, 115, 315};
  check(draw, "window", attention<h, mask::causal, mask::window<100>>{}, shape);
  check(draw, "softcap", attention<h, score::softcap, mask::causal>{score::softcap{4.0f}}, shape);
  check(draw, "scale", attention<h, score::scale, mask::causal>{score::scale{0.2f}}, shape);
  check(draw, "negative scale", attention<h, score::scale, mask::causal>{score::scale{-0.2f}}, shape);
  check(draw, "user's score by coordinates",
        attention<heads<6, 2, 64>, mask::causal, test::coordinate_bias>{}, shape);
  check(draw, "user's mask by head", attention<h, test::half_by_head>{test::half_by_head{150}}, shape);
  check(draw, "user's mask without cover", attention<h, test::every_third>{}, shape);
  check(draw, "rows without a key", attention<h, mask::window<2>, test::every_third, mask::causal>{}, shape);
  check(draw, "sigmoid", attention<h, normalizer::sigmoid>{normalizer::sigmoid{-3.0f}}, shape);
  const auto logits = test::random_tensor<float>(draw, 1.0f, 1, 1, 1, 4);
  check(draw, "sinks",
        attention<h, normalizer::sinks<>, mask::causal>{
            normalizer::sinks<>(host_view<const float, 1>(logits.data.data(), 4))},
        shape);
  check(draw, "head counts at run time",
        attention<heads<dynamic, dynamic, 64>, mask::causal>{heads<dynamic, dynamic, 64>{{6}, {3}, {}, {}}},
        shape);
}

TEST_CASE("e4m3: what stands around the product: outputs changed, keys apart, two passes") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const test::attend_shape shape{2, 115, 315};
  const auto logits = test::random_tensor<float>(draw, 1.0f, 1, 2, 115, 4);
  using gate = output::gate<3>;
  const gate by{host_view<const float, 3>(logits.data.data(), 2, 115, 4)};
  using h = heads<4, 2, 128>;
  check(draw, "gate", attention<h, mask::causal, gate>{by}, shape);
  check(draw, "coordinates", attention<heads<4, 4, 64>, test::coordinate_factor, gate>{by}, shape);
  check<float>(draw, "coordinates, float", attention<heads<4, 2, 256>, test::coordinate_factor>{}, shape);
  check(draw, "apart", attention<heads<4, 2, 64>, keys::apart>{keys::apart{7}}, {2, 130, 70});
  check(draw, "apart, local", attention<heads<4, 2, 128>, keys::apart, mask::local<60>>{keys::apart{3}},
        {2, 130, 270});
  using clipped = normalizer::clipped_softmax;
  check(draw, "clipped", attention<h, mask::causal, clipped>{clipped{-0.003f}}, shape);
  check(draw, "clipped, gated",
        attention<heads<4, 2, 64>, scales::per_tensor, clipped, gate>{scales::per_tensor{1.5f, 0.75f, 2.0f},
                                                                      clipped{-0.001f, 1.1f}, by},
        shape);
}

TEST_CASE("e4m3: each form of scales, folded and beside score policies") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const test::attend_shape shape{2, 300, 517};
  test::for_each_scales(
      draw, shape, 4, 2, 2,
      [&]<class Scales>(const char* name, const Scales& scales, const auto&, const auto&, const auto&) {
        using h = heads<4, 2, 128>;
        check(draw, name, attention<h, Scales>{scales}, shape);
        check(draw, name, attention<h, mask::causal, Scales>{scales}, shape);
        check(draw, name, attention<heads<4, 2, 256>, mask::causal, Scales>{scales}, shape);
        check(draw, name, attention<heads<4, 2, 48, 80>, mask::causal, Scales>{scales}, shape);
        check(draw, name, attention<h, Scales, score::scale>{scales, score::scale{-0.1f}}, shape);
        check(draw, name, attention<h, Scales, score::softcap, mask::causal>{scales, score::softcap{4.0f}},
              shape);
        check(draw, name, attention<h, Scales, mask::causal, test::coordinate_bias>{scales}, shape);
      });
  check(draw, "scales of 0",
        attention<heads<4, 2, 64>, mask::causal, scales::per_tensor>{scales::per_tensor{0.0f, 1.0f, 2.0f}},
        {1, 70, 70});
}

TEST_CASE("e4m3: weights that it holds exactly leave the error of the sums alone") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  // A sum inside a tile of keys keeps about 14 bits; a key that is lost, doubled or in another's place shows.
  for (const auto shape : {test::attend_shape{1, 3, 77}, {2, 130, 1000}, {1, 1, 4096}}) {
    const attention<heads<4, 2, 128>, halvings> spec;
    const test::e4m3_inputs in(draw, spec, shape, 1.0f);
    const double two = error_on<path::best, float>(spec, in);
    const double one = error_on<tuned<2, 128, 128, 2, true, true, false>, float>(spec, in);
    MESSAGE(shape.keys << " keys: two levels " << two << ", one level " << one);
    CHECK(two < 2e-3);
    CHECK(one < 2e-2);
  }
  check_size<64>(draw);
}

TEST_CASE("e4m3: a tile is no part of the meaning") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const test::attend_shape shape{2, 300, 1000};
  const attention<heads<4, 2, 128>, halvings, mask::causal> spec;
  const test::e4m3_inputs in(draw, spec, shape, 1.0f);
  const auto same = [&](auto tuning, double most) {
    CHECK(error_on<decltype(tuning), float>(spec, in) < most);
  };
  same(tuned<2, 128, 128, 2, false, true, true>{}, 2e-3);
  same(tuned<1, 128, 128, 3, false, false, true>{}, 2e-3);
  same(tuned<2, 64, 64, 4, true, true, true>{}, 2e-3);
  same(tuned<2, 96, 32, 2, true, true, true>{}, 2e-3);
  same(tuned<2, 160, 64, 2, true, true, true>{}, 2e-3);
  same(tuned<2, 32, 128, 4, true, true, true>{}, 2e-3);
  same(tuned<2, 192, 128, 2, true, true, false>{}, 2e-2);
}

TEST_CASE("e4m3: observers are told of true scores") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const auto on = cuda::on();
  auto wanted = test::poisoned_tensor<float>(1, 2, 100, 4);
  auto found = wanted;
  using observer = observe::log_sum_exp<memory::host>;
  const scales::per_tensor factors{1.5f, 0.75f, 2.0f};
  using spec_type = attention<heads<4, 2, 64>, mask::causal, scales::per_tensor, observer>;
  const spec_type spec{factors, observer(host_view<float, 3>(wanted.data.data(), 2, 100, 4))};
  const test::e4m3_inputs in(draw, spec, {2, 100, 150}, 1.0f);
  auto out = test::poisoned_tensor<double>(2, 100, 4, 64);
  reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), out.view());
  test::device_tensor<float> lse(on, found);
  test::device_tensor<fp8_e4m3> dq(on, in.q), dk(on, in.k), dv(on, in.v);
  test::device_tensor<bf16> device_out(on, test::poisoned_tensor<bf16>(2, 100, 4, 64));
  using on_device = observe::log_sum_exp<memory::device>;
  const attention<heads<4, 2, 64>, mask::causal, scales::per_tensor, on_device> moved{
      factors, on_device(device_view<float, 3>(lse.data.data(), 2, 100, 4))};
  attend(on, moved, dq.view(), dk.view(), dv.view(), device_out.view());
  CHECK(test::relative_error(lse.back(on), wanted.data) < 1e-4);
}

TEST_CASE("e4m3: what the kernel cannot read is refused by name, and the next call works") {
  using namespace bl;
  if (!hopper()) return;
  const auto on = cuda::on();
  const attention<heads<2, 2, 64>> spec;
  test::device_tensor<fp8_e4m3> x(on, test::tensor<fp8_e4m3>(1, 8, 2, 80));
  test::device_tensor<bf16> out(on, test::tensor<bf16>(1, 8, 2, 64));
  const device_view<fp8_e4m3, 4> aligned(x.data.data(), 1, 8, 2, 64);
  auto shifted = aligned;
  shifted.data += 8;
  auto narrow = aligned;
  narrow.stride[1] = 2 * 64 + 8;
  CHECK_THROWS_WITH_AS(attend(on, spec, shifted, aligned, aligned, out.view()),
                       doctest::Contains("attend: q does not begin"), shape_error);
  CHECK_THROWS_WITH_AS(attend(on, spec, aligned, narrow, aligned, out.view()),
                       doctest::Contains("attend: k has a stride of 136"), shape_error);
  CHECK_THROWS_WITH_AS(attend(on, spec, aligned, aligned, narrow, out.view()),
                       doctest::Contains("attend: v has a stride of 136"), shape_error);
  CHECK_NOTHROW(attend(on, spec, aligned, aligned, aligned, out.view()));
}

TEST_CASE("e4m3: several maps over one value, with every kind of scales") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const test::attend_shape shape{2, 133, 300};
  // What maps have in common falls out of their difference, their roundings do not.
  constexpr double bound = 1.5 * test::e4m3_bound;
  test::for_each_scales(
      draw, shape, 8, 4, 2,
      [&]<class Scales>(const char* name, const Scales& scales, const auto&, const auto&, const auto&) {
        check(draw, name,
              attention<heads<8, 4, 64, 128>, mask::causal, maps::difference<>, Scales>{
                  maps::difference<>{0.37f}, scales},
              shape, 1.0f, bound);
      });
  check(draw, "difference, normed",
        attention<heads<8, 4, 32, 64>, mask::window<70>, maps::difference<>, test::coordinate_factor>{
            maps::difference<>{0.37f}},
        shape, 1.0f, bound);
  check(draw, "three maps", attention<heads<6, 3, 32, 48>, test::three_maps, mask::causal>{}, {2, 150, 290},
        1.0f, bound);
  check(draw, "two passes",
        attention<heads<8, 4, 32>, maps::difference<>, mask::causal, normalizer::clipped_softmax>{
            maps::difference<>{0.5f}, normalizer::clipped_softmax{-0.01f}},
        {1, 200, 200}, 1.0f, bound);
}

TEST_CASE("e4m3: strides are free: heads before positions") {
  using namespace bl;
  if (!hopper()) return;
  auto draw = test::generator();
  const auto on = cuda::on();
  const attention<heads<4, 2, 64>, mask::causal> spec;
  const auto q = test::random_tensor<fp8_e4m3>(draw, 1.0f, 2, 100, 4, 64);
  const auto k = test::random_tensor<fp8_e4m3>(draw, 1.0f, 2, 100, 2, 64);
  auto turned = test::tensor<fp8_e4m3>(2, 2, 100, 64);
  for (int b = 0; b < 2; ++b)
    for (int row = 0; row < 100; ++row)
      for (int head = 0; head < 2; ++head)
        for (int i = 0; i < 64; ++i) turned.view()(b, head, row, i) = k.view()(b, row, head, i);
  test::device_tensor<fp8_e4m3> dq(on, q), dk(on, k), dt(on, turned);
  auto heads_first = dt.view();
  std::swap(heads_first.extent[1], heads_first.extent[2]);
  std::swap(heads_first.stride[1], heads_first.stride[2]);
  test::device_tensor<bf16> plain(on, test::poisoned_tensor<bf16>(2, 100, 4, 64));
  test::device_tensor<bf16> strided(on, test::poisoned_tensor<bf16>(2, 100, 4, 64));
  attend(on, spec, dq.view(), dk.view(), dk.view(), plain.view());
  attend(on, spec, dq.view(), heads_first, heads_first, strided.view());
  const auto a = plain.back(on), b = strided.back(on);
  CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(bf16)) == 0);
}

TEST_CASE("e4m3 on path::simt is exact to float's rounding") {
  using namespace bl;
  auto draw = test::generator();
  const test::attend_shape shape{2, 133, 300};
  test::for_each_scales(
      draw, shape, 4, 2, 2,
      [&]<class Scales>(const char* name, const Scales& scales, const auto&, const auto&, const auto&) {
        CAPTURE(std::string(name));
        const attention<heads<4, 2, 48, 80>, mask::causal, position::rope<>, Scales> spec{scales};
        CHECK(error_on<path::simt, float>(spec, test::e4m3_inputs(draw, spec, shape, 1.0f)) < 1e-5);
      });
}
