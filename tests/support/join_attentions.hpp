// SPDX-License-Identifier: Apache-2.0
#pragma once

// Compositions with what stands around a map of attention (prepared queries and keys, keys of another
// sequence, several maps over one value, changed outputs), which the host's and the device's tests share.
// Their data lies on the host while f runs; a device moves it by copy_to.

#include <random>
#include <utility>

#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/attend/maps/difference.hpp"
#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/normalizer/shaped.hpp"
#include "byteloom/attend/output/gate.hpp"
#include "byteloom/attend/output/norm.hpp"
#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/attend/score/by_blocks.hpp"
#include "byteloom/compose/norm.hpp"
#include "byteloom/position/constant_distance.hpp"
#include "support/policy_attentions.hpp"

namespace test {

/// A user's output policy, in float: another factor for every number, so that wrong coordinates are seen.
struct coordinate_factor {
  using axis = bl::axis::output;
  BYTELOOM_HD float operator()(float value, bl::index row_of_call, bl::row at, int dimension) const {
    return value * (0.5f + 0.125f * static_cast<float>((at.batch * 7 + at.query_head * 5 + at.key_head * 3 +
                                                        at.query + static_cast<int>(row_of_call) * 2 +
                                                        dimension + at.queries + at.keys) %
                                                       11));
  }
};

/// A user's output policy that sees the row: its largest absolute value becomes 1.
struct to_unit_maximum {
  using axis = bl::axis::output;
  template <class Real>
  struct state {
    Real largest = 0;
  };
  template <class Real>
  BYTELOOM_HD void add(state<Real>& row, Real x) const {
    row.largest = bl::math::max(row.largest, bl::math::abs(x));
  }
  template <class Real>
  BYTELOOM_HD void merge(state<Real>& into, const state<Real>& other) const {
    into.largest = bl::math::max(into.largest, other.largest);
  }
  template <class Real>
  BYTELOOM_HD Real operator()(const state<Real>& row, Real x, bl::index, bl::row, int) const {
    return row.largest == Real(0) ? x : bl::math::divide(x, row.largest);
  }
};

/// A user's way to prepare rows: the largest of the row comes off, by head and dimension.
struct less_maximum {
  using axis = bl::axis::prepare;
  template <class Real>
  struct state {
    Real largest = -bl::math::infinity<Real>;
  };
  template <class Real>
  BYTELOOM_HD void add(state<Real>& row, Real x) const {
    row.largest = bl::math::max(row.largest, x);
  }
  template <class Real>
  BYTELOOM_HD void merge(state<Real>& into, const state<Real>& other) const {
    into.largest = bl::math::max(into.largest, other.largest);
  }
  template <class Real>
  BYTELOOM_HD Real query(const state<Real>& row, Real x, int head, int dimension) const {
    return (x - row.largest) * static_cast<Real>(1 + (head + dimension) % 3);
  }
  template <class Real>
  BYTELOOM_HD Real key(const state<Real>& row, Real x, int head, int dimension) const {
    return x - row.largest * static_cast<Real>((2 * head + dimension) % 5);
  }
};

/// A user's maps: three over one value.
struct three_maps {
  using axis = bl::axis::maps;
  static constexpr int count = 3;
  template <class Real>
  BYTELOOM_HD Real factor(int map, bl::row at) const {
    return static_cast<Real>(map - 1) + static_cast<Real>(at.query_head);
  }
};

/// Calls f(name, spec, shape) for each composition; shape sizes are chosen odd on purpose.
template <class F>
void for_each_join_attention(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  {
    using prepare_type = prepare::norm<norm::rms>;
    random_table a(draw, 1.0f, 32), b(draw, 1.0f, 32), c(draw, 1.0f, 32), d(draw, 1.0f, 32);
    f("rms of queries and keys, then rope",
      attention<heads<4, 2, 32>, position::rope<>, mask::causal, prepare_type>{
          prepare_type{norm::rms{1e-6f}, a.vector(), b.vector()}},
      attend_shape{2, 40, 70});
    using layer = prepare::norm<norm::layer>;
    f("layer norm of queries and keys",
      attention<heads<4, 2, 32>, layer, score::softcap>{
          layer{norm::layer{}, a.vector(), b.vector(), c.vector(), d.vector()}, score::softcap{9.0f}},
      attend_shape{1, 33, 33});
    using unit = prepare::norm<norm::l2>;
    f("queries and keys of unit length",
      attention<heads<2, 1, 33, 17>, score::scale, unit>{score::scale{10.0f}}, attend_shape{1, 19, 33});
    f("a user's prepared rows, partly turned",
      attention<heads<4, 2, 48>, less_maximum, position::partial<32>, mask::causal>{},
      attend_shape{1, 20, 31});
  }
  {
    tensor<float> logits = random_tensor<float>(draw, 3.0f, 1, 2, 40, 4);
    using by_head = output::gate<3>;
    f("gate by token and head",
      attention<heads<4, 2, 32>, mask::causal, by_head>{
          by_head{host_view<const float, 3>(logits.data.data(), 2, 40, 4), 2.0f}},
      attend_shape{2, 40, 70});
    tensor<float> each = random_tensor<float>(draw, 3.0f, 2, 40, 4, 24);
    using by_number = output::gate<4>;
    f("gate by number, with rows without keys",
      attention<heads<4, 4, 32, 24>, mask::window<4>, every_third, by_number>{
          by_number{std::as_const(each).view()}},
      attend_shape{2, 40, 40});
    random_table weight(draw, 1.0f, 40), bias(draw, 1.0f, 40);
    using normed = output::norm<norm::layer>;
    f("output policies left to right",
      attention<heads<2, 1, 16, 40>, coordinate_factor, normed, to_unit_maximum, coordinate_factor>{
          normed{norm::layer{}, 0.5f, weight.vector(), bias.vector()}},
      attend_shape{3, 21, 45});
    f("output policies left to right after two passes, sizes at run time",
      attention<heads<dynamic, dynamic, dynamic, dynamic>, to_unit_maximum, normed,
                normalizer::clipped_softmax>{heads<dynamic, dynamic, dynamic, dynamic>{{4}, {2}, {24}, {40}},
                                             normed{norm::layer{}, 0.5f, weight.vector(), bias.vector()},
                                             normalizer::clipped_softmax{-0.01f}},
      attend_shape{1, 21, 45});
  }
  {
    using plain = maps::difference<>;
    random_table weight(draw, 1.0f, 64);
    using normed = output::norm<norm::rms>;
    f("difference",
      attention<heads<8, 4, 32, 64>, position::rope<position::pairing::interleaved>, mask::causal, plain,
                normed>{plain{0.37f}, normed{norm::rms{}, 0.8f, weight.vector()}},
      attend_shape{2, 40, 70});
    using per_head = maps::difference_per_head<maps::key_heads::paired>;
    random_table lambdas(draw, 1.0f, 4), sinks(draw, 1.0f, 8);
    f("difference of paired keys, lambdas by head, masks and biases by query head",
      attention<heads<8, 4, 16>, per_head, half_by_head, coordinate_bias, normalizer::sinks<>>{
          per_head{lambdas.vector()}, half_by_head{50}, normalizer::sinks<>{sinks.vector()}},
      attend_shape{1, 20, 100});
    f("three maps, one query", attention<heads<6, 3, 24, 40>, three_maps, mask::causal>{},
      attend_shape{2, 1, 300});
    f("three maps, two passes",
      attention<heads<12, 3, 24, 40>, three_maps, mask::window<30>, normalizer::shaped>{},
      attend_shape{1, 33, 80});
  }
  f("shaped", attention<heads<4, 2, 16>, score::temperature, normalizer::shaped>{score::temperature{2.5f}},
    attend_shape{1, 70, 70});
  f("shaped causal", attention<heads<4, 2, 16>, mask::causal, normalizer::shaped>{}, attend_shape{2, 40, 70});
  f("shaped behind a mask without count", attention<heads<4, 2, 16>, every_third, normalizer::shaped>{},
    attend_shape{1, 40, 40});
  f("fewer keys than queries", attention<heads<4, 2, 16>, keys::apart>{}, attend_shape{2, 70, 7});
  f("fewer keys than queries, from a position on, turned",
    attention<heads<4, 2, 16>, keys::apart, mask::local<20>, position::rope<>>{keys::apart{5}},
    attend_shape{2, 40, 37});
  f("fewer keys than queries, counted",
    attention<heads<4, 2, 16>, keys::apart, mask::causal, normalizer::shaped>{keys::apart{3}},
    attend_shape{1, 40, 17});
  f("at one distance",
    attention<heads<4, 2, 16>, position::constant_distance<>, mask::causal>{
        position::constant_distance<>{20}},
    attend_shape{1, 40, 40});
  {
    random_table table(draw, 2.0f, 16, 4);
    using bias = score::by_blocks<score::t5_buckets<score::t5_direction::bidirectional>>;
    f("t5 buckets of blocks",
      attention<heads<4, 4, 16>, keys::apart, score::scale, bias>{
          score::scale{1.0f},
          bias{score::t5_buckets<score::t5_direction::bidirectional>{table.matrix(), 20}, 8}},
      attend_shape{1, 75, 9});
  }
}

}  // namespace test
