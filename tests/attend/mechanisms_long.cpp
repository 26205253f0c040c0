// SPDX-License-Identifier: Apache-2.0

// Attention over long sequences: a cache of first keys and a ring, global tokens of blocks; against formulas
// written from the papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "byteloom/attend/cache/sink_ring.hpp"
#include "byteloom/attend/copy_to.hpp"
#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/in_ring.hpp"
#include "byteloom/attend/mask/lambda.hpp"
#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/by_blocks.hpp"
#include "byteloom/attend/score/clamped_distance.hpp"
#include "byteloom/attend/score/in_ring.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/attend/score/scale.hpp"
#include "byteloom/attend/score/t5_buckets.hpp"
#include "byteloom/host/merged.hpp"
#include "byteloom/position/at_coordinates.hpp"
#include "byteloom/position/axial.hpp"
#include "byteloom/position/constant_distance.hpp"
#include "byteloom/position/in_ring.hpp"
#include "support/agreement.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {
using test::rows;
}  // namespace

TEST_CASE("a ring holds the first positions and the last of the others") {
  for (const auto& [sinks, local] : {std::pair{3, 5}, {0, 4}, {2, 1}}) {
    std::vector<int> held(static_cast<std::size_t>(sinks + local), -1);
    for (int length = 0; length < 40; ++length) {
      const bl::cache::sink_ring ring{sinks, local, length};
      CHECK(ring.slots() == sinks + local);
      for (int slot = 0; slot < ring.slots(); ++slot)
        CHECK(ring.position_of(slot) == held[static_cast<std::size_t>(slot)]);
      held[static_cast<std::size_t>(ring.slot_of(length))] = length;
    }
  }
  CHECK_THROWS_AS((bl::cache::sink_ring{2, 0, 0}.validate()), bl::argument_error);
}

TEST_CASE(
    "MSK-01 LM-Infinite: decoding over first keys and a ring, kept unrotated, one softmax of two branches") {
  auto draw = test::generator();
  const auto run = [&]<int global, int local, int h, int d>(
                       std::integral_constant<int, global>, std::integral_constant<int, local>,
                       std::integral_constant<int, h>, std::integral_constant<int, d>, int n,
                       int first_checked, bool by_rope) {
    constexpr int width = h * d;
    constexpr int depth = local < 100 ? 2 : 1;
    struct layer {
      test::dense qkv, out;
    };
    std::vector<layer> stack;
    for (int l = 0; l < depth; ++l) stack.push_back({{draw, 3 * width, width}, {draw, width, width}});
    const rows start = test::random_rows(draw, n, width);

    rows wanted = start;
    for (const layer& own : stack) {
      const rows qkv = test::linear(own.qkv, wanted, false);
      rows next;
      for (int i = first_checked; i < n; ++i) {
        test::vector mixed;
        for (int head = 0; head < h; ++head) {
          const auto part = [&](int row, int which) {
            return test::head_of(qkv[static_cast<std::size_t>(row)], which * h + head, d);
          };
          const auto near = test::rotated(part(i, 0), i, false);
          const auto far = test::rotated(part(i, 0), std::min(local, i), false);
          test::vector scores;
          std::vector<int> seen;
          for (int j = 0; j <= i; ++j) {
            const bool is_near = i - j < local;
            if (!is_near && j >= global) continue;
            double score = 0;
            if (by_rope)
              score =
                  is_near ? test::dot(near, test::rotated(part(j, 1), j, false)) : test::dot(far, part(j, 1));
            else
              score = test::dot(part(i, 0), part(j, 1));
            score /= std::sqrt(d);
            if (!by_rope) score -= std::pow(2.0, -8.0 * (head + 1) / h) * std::min(i - j, local);
            seen.push_back(j);
            scores.push_back(score);
          }
          const auto p = test::softmax(scores);
          for (std::size_t c = 0; c < d; ++c) {
            double sum = 0;
            for (std::size_t m = 0; m < seen.size(); ++m) sum += p[m] * part(seen[m], 2)[c];
            mixed.push_back(sum);
          }
        }
        next.push_back(own.out.times(mixed, false));
      }
      wanted = test::added(rows(wanted.begin() + first_checked, wanted.end()), next);
    }

    bl::cache::sink_ring ring{global, local};
    std::vector<test::matrix> keys(depth), values(depth);
    for (int l = 0; l < depth; ++l)
      for (auto* cache : {&keys, &values}) {
        (*cache)[static_cast<std::size_t>(l)] = test::matrix(ring.slots(), width);
        for (float& x : (*cache)[static_cast<std::size_t>(l)].data)
          x = 0;  // an empty slot's value has weight 0
      }
    rows found;
    for (int i = 0; i < n; ++i) {
      ring.length = i + 1;
      test::matrix x = test::floats({start[static_cast<std::size_t>(i)]});
      for (std::size_t l = 0; l < depth; ++l) {
        auto qkv = test::through(x.source(), test::as_is, stack[l].qkv, false, 1);
        for (int c = 0; c < width; ++c) {
          keys[l].view()(ring.slot_of(i), c) = qkv.view()(0, width + c);
          values[l].view()(ring.slot_of(i), c) = qkv.view()(0, 2 * width + c);
        }
        if (i < first_checked) continue;
        test::matrix mixed(1, width);
        const auto q = qkv.heads(0, h, d), k = keys[l].heads(0, h, d), v = values[l].heads(0, h, d);
        using heads = bl::heads<h, h, d>;
        using window = bl::mask::window<local>;
        using apart = bl::keys::apart;
        using ring_type = bl::cache::sink_ring;
        const apart place{i};
        if (by_rope) {
          using near = bl::position::in_ring<ring_type>;
          using far = bl::position::in_ring<ring_type, bl::position::constant_distance<>>;
          using of_window = bl::mask::in_ring<window>;
          using first_keys = bl::mask::in_ring<bl::mask::sinks<global>>;
          using beyond = bl::mask::in_ring<bl::mask::not_<window>>;
          const bl::merged spec{
              bl::attention<heads, near, apart, of_window>{near(ring), place, of_window(ring)},
              bl::attention<heads, far, apart, first_keys, beyond>{
                  far(ring, bl::position::constant_distance<>{local}), place, first_keys(ring),
                  beyond(ring)}};
          bl::attend(bl::host::here(), spec, q, k, v, k, v, mixed.heads(0, h, d));
        } else {
          using clamped = bl::score::clamped_distance<bl::score::alibi<h>>;
          using biased = bl::score::in_ring<clamped>;
          using seen = bl::mask::in_ring<bl::mask::lambda<global, local>>;
          const bl::attention<heads, apart, biased, seen> spec{place, biased(ring, clamped{{}, local}),
                                                               seen(ring)};
          bl::attend(bl::host::here(), spec, q, k, v, mixed.heads(0, h, d));
        }
        test::add_through(x, mixed.source(), test::as_is, stack[l].out, false);
      }
      if (i < first_checked) continue;
      found.emplace_back();
      for (const float number : x.data) found.back().push_back(static_cast<double>(number));
    }
    CHECK(test::relative_error(test::flat(found), test::flat(wanted)) < 2e-5);
  };
  using std::integral_constant;
  for (const bool by_rope : {true, false}) {
    run(integral_constant<int, 6>{}, integral_constant<int, 24>{}, integral_constant<int, 2>{},
        integral_constant<int, 16>{}, 90, 0, by_rope);
    // the published numbers: 10 first keys, and as many near ones as Llama 2 was trained with
    run(integral_constant<int, 10>{}, integral_constant<int, 4096>{}, integral_constant<int, 1>{},
        integral_constant<int, 8>{}, 4200, 4198, by_rope);
  }
}

TEST_CASE(
    "MSK-13 LongT5's transient global attention: sums of blocks, local keys and globals in one softmax") {
  auto draw = test::generator();
  constexpr int h = 2, d = 16, width = h * d, block = 16, radius = 127, depth = 2;
  const auto bucket = [](int relative) {  // T5: 32 buckets both ways, up to 128
    const int first = relative > 0 ? 16 : 0, far = std::abs(relative);
    if (far < 8) return first + far;
    return first + std::min(15, 8 + static_cast<int>(std::log(far / 8.0) / std::log(128.0 / 8.0) * 8 + 1e-9));
  };
  // the first layer's tables, of all layers
  const auto local_bias = test::random_tensor<float>(draw, 2.0f, 1, 1, 32, h),
             global_bias = test::random_tensor<float>(draw, 2.0f, 1, 1, 32, h);
  struct layer {
    test::norm_weights before, of_globals;
    test::dense q, kv, out;
  };
  std::vector<layer> stack;
  for (int l = 0; l < depth; ++l)
    stack.push_back(
        {{draw, width}, {draw, width}, {draw, width, width}, {draw, 2 * width, width}, {draw, width, width}});
  for (const auto& [valid, padding] : {std::pair{400, 0}, {295, 25}, {16, 0}, {15, 9}}) {
    const int n = valid;
    CAPTURE(n);
    const rows start = test::random_rows(draw, n + padding, width);
    const int globals = n / block;

    rows wanted(start.begin(), start.begin() + n);
    for (const layer& own : stack) {
      const rows u = test::rms_normed(wanted, own.before, 1e-6);
      const auto block_of = [&](int token) { return std::min(token / block, globals - 1); };
      rows sums(static_cast<std::size_t>(globals), test::vector(width));
      for (int i = 0; globals > 0 && i < n; ++i)
        for (std::size_t c = 0; c < width; ++c)
          sums[static_cast<std::size_t>(block_of(i))][c] += u[static_cast<std::size_t>(i)][c];
      rows kv = test::linear(own.kv, u, false);
      const rows of_globals = test::linear(own.kv, test::rms_normed(sums, own.of_globals, 1e-6), false);
      kv.insert(kv.end(), of_globals.begin(), of_globals.end());
      const rows mixed = test::attended(
          test::linear(own.q, u, false), test::columns_of(kv, 0, width), test::columns_of(kv, width, width),
          h, h, [&](double dot, int head, int i, int j) {
            if (j >= n)
              return dot + static_cast<double>(global_bias.matrix()(bucket(j - n - block_of(i)), head));
            if (std::abs(i - j) > radius) return test::unseen;
            return dot + static_cast<double>(local_bias.matrix()(bucket(j - i), head));
          });
      wanted = test::added(wanted, test::linear(own.out, mixed, false));
    }

    using heads = bl::heads<h, h, d>;
    using buckets = bl::score::t5_buckets<bl::score::t5_direction::bidirectional>;
    using of_blocks = bl::score::by_blocks<buckets>;
    using masked = bl::score::key_bias<>;
    const int all = n + padding;
    std::vector<float> bias(static_cast<std::size_t>(all), 0.0f);
    std::fill(bias.begin() + n, bias.end(), -1e10f);  // added at padding
    const bl::merged spec{bl::attention<heads, bl::mask::local<radius>, bl::score::scale, buckets, masked>{
                              bl::score::scale{1.0f}, buckets{local_bias.matrix()},
                              masked(bl::host_view<const float, 2>(bias.data(), 1, all))},
                          bl::attention<heads, bl::keys::apart, bl::score::scale, of_blocks>{
                              bl::score::scale{1.0f}, of_blocks{buckets{global_bias.matrix()}, block}}};
    test::matrix x = test::floats(start);
    const bl::norm::rms norm{1e-6f};
    for (const layer& own : stack) {
      const auto u = test::kept(x.source(), test::normed_by(own.before, norm), all, width);
      auto q = test::through(u.source(), test::as_is, own.q, false, all),
           kv = test::through(u.source(), test::as_is, own.kv, false, all);
      const bl::source::sum_of_blocks sums{u.source(), bl::index{n}, bl::index{block}};  // of valid tokens
      CHECK(sums.blocks() == globals);
      auto of_globals = test::through(sums, test::normed_by(own.of_globals, norm), own.kv, false, globals);
      test::matrix mixed(all, width);
      bl::attend(bl::host::here(), spec, q.heads(0, h, d), kv.heads(0, h, d), kv.heads(width, h, d),
                 of_globals.heads(0, h, d), of_globals.heads(width, h, d), mixed.heads(0, h, d));
      test::add_through(x, mixed.source(), test::as_is, own.out, false);
    }
    x.data.resize(static_cast<std::size_t>(n * width));
    CHECK(test::error(x, wanted) < 2e-5);
  }
}

TEST_CASE("tokens at given coordinates turn as on a map, and those of text, at 0, not at all") {
  auto draw = test::generator();
  const bl::raster<3> map{{2, 3, 4}};
  std::vector<int> places;
  for (int token = 0; token < 24; ++token)
    for (int a = 0; a < 3; ++a) places.push_back(map.coordinate(token, a));
  using given = bl::position::at_coordinates<3>;
  const bl::host_view<const int, 3> view(places.data(), 1, 24, 3);
  const bl::attention<bl::heads<2, 1, 20>, given> spec{given(view)};
  const bl::attention<bl::heads<2, 1, 20>, bl::position::axial<3>> axial{bl::position::axial<3>(map)};
  const test::attend_inputs in(draw, spec, {1, 24, 24}, 1.0f);
  auto wanted = test::poisoned_tensor<double>(1, 24, 2, 20);
  bl::reference::attend(axial, in.q.view(), in.k.view(), in.v.view(), wanted.view());
  CHECK(test::host_error(spec, in, wanted.data) < 1e-5);
  CHECK(test::host_error(bl::copy_to(bl::host::here(), spec).spec(), in, wanted.data) < 1e-5);
  std::fill(places.begin(), places.end(), 0);
  bl::reference::attend(bl::attention<bl::heads<2, 1, 20>>{}, in.q.view(), in.k.view(), in.v.view(),
                        wanted.view());
  CHECK(test::host_error(spec, in, wanted.data) < 1e-5);
}
