// SPDX-License-Identifier: Apache-2.0
#pragma once

// Compositions of the score, position and normalizer policies that the host's and the device's tests share,
// each with the shape it is tried at. Their data lies on the host while f runs; a device moves it by copy_to.

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "byteloom/attend/cache/sink_ring.hpp"
#include "byteloom/attend/keys/apart.hpp"
#include "byteloom/attend/mask/in_ring.hpp"
#include "byteloom/attend/mask/lambda.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/normalizer/clipped_softmax.hpp"
#include "byteloom/attend/normalizer/scalable_softmax.hpp"
#include "byteloom/attend/normalizer/sigmoid.hpp"
#include "byteloom/attend/normalizer/sinks.hpp"
#include "byteloom/attend/normalizer/softmax_plus_one.hpp"
#include "byteloom/attend/normalizer/softmax_with_epsilon.hpp"
#include "byteloom/attend/normalizer/squared_relu.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/clamped_distance.hpp"
#include "byteloom/attend/score/dilated.hpp"
#include "byteloom/attend/score/disentangled.hpp"
#include "byteloom/attend/score/in_ring.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/attend/score/lowered.hpp"
#include "byteloom/attend/score/relative_bias.hpp"
#include "byteloom/attend/score/t5_buckets.hpp"
#include "byteloom/attend/score/temperature.hpp"
#include "byteloom/position/at_coordinates.hpp"
#include "byteloom/position/at_ids.hpp"
#include "byteloom/position/axial.hpp"
#include "byteloom/position/constant_distance.hpp"
#include "byteloom/position/in_ring.hpp"
#include "byteloom/position/partial.hpp"
#include "byteloom/position/scaling.hpp"
#include "byteloom/position/xpos.hpp"
#include "support/attentions.hpp"
#include "support/tensor.hpp"

namespace test {

/// Calls f(name, spec, shape) for compositions of each score policy.
template <class F>
void for_each_score_attention(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  const float infinity = std::numeric_limits<float>::infinity();
  {
    f("temperature", attention<heads<4, 2, 32>, score::temperature, mask::causal>{score::temperature{3.0f}},
      attend_shape{1, 40, 40});
    random_table of_heads(draw, 1.0f, 4);
    for (auto& x : of_heads.values.data) x = 1.0f + std::abs(x);
    using per_head = score::temperature_per_head<>;
    f("temperature per head", attention<heads<4, 2, 32>, mask::causal, per_head>{per_head{of_heads.vector()}},
      attend_shape{2, 40, 61});
  }
  f("alibi", attention<heads<8, 2, 32>, mask::causal, score::alibi<8>>{}, attend_shape{1, 70, 130});
  f("alibi of 12 heads, counted at run time, behind a window",
    attention<heads<dynamic, dynamic, 32>, mask::window<40>, mask::causal, score::alibi<>>{
        heads<dynamic, dynamic, 32>{{12}, {3}, {}, {}}, score::alibi<>{{12}}},
    attend_shape{1, 33, 90});
  f("alibi both ways", attention<heads<6, 6, 16>, score::alibi<6, score::distance::symmetric>>{},
    attend_shape{2, 37, 37});
  {
    random_table table(draw, 2.0f, 32, 4);
    using causal = score::t5_buckets<>;
    f("t5 buckets without a scale",
      attention<heads<4, 4, 16>, score::scale, mask::causal, causal>{score::scale{1.0f},
                                                                     causal{table.matrix()}},
      attend_shape{1, 60, 200});
    using both = score::t5_buckets<score::t5_direction::bidirectional>;
    random_table few(draw, 2.0f, 4, 16);
    f("t5 buckets both ways, table transposed", attention<heads<4, 2, 16>, both>{both{few.transposed(), 50}},
      attend_shape{1, 90, 90});
  }
  {
    random_table swin(draw, 1.0f, 7 * 9, 3);
    using bias = score::relative_bias<2>;
    f("relative bias over an image",
      attention<heads<3, 3, 16>, bias>{bias{swin.matrix(), {{4, 5}}, {{4, 5}}}}, attend_shape{2, 20, 20});
    random_table near(draw, 1.0f, 2, 5 * 5);
    using neighbour = score::relative_bias<2, score::offset::key_minus_query>;
    f("relative bias of neighbours, clamped beyond them",
      attention<heads<2, 1, 16>, neighbour>{neighbour{near.transposed(), {{6, 7}}, {{3, 3}}}},
      attend_shape{1, 42, 42});
    using steps = score::dilated<2, neighbour>;
    f("relative bias of dilated neighbours",
      attention<heads<2, 1, 16>, steps>{
          steps{neighbour{near.transposed(), {{3, 4}}, {{3, 3}}}, {{6, 7}}, {{2, 2}}}},
      attend_shape{1, 42, 42});
    using lowered = score::lowered<mask::window<9>>;
    f("lowered beyond a window",
      attention<heads<2, 1, 16>, mask::causal, lowered>{lowered{mask::window<9>{}, 3.0f}},
      attend_shape{1, 42, 50});
    random_table video(draw, 1.0f, 3 * 5 * 7, 2);
    using in_video = score::relative_bias<3>;
    f("relative bias over a video",
      attention<heads<2, 2, 16>, in_video>{in_video{video.matrix(), {{2, 3, 4}}, {{2, 3, 4}}}},
      attend_shape{1, 24, 24});
    random_table line(draw, 1.0f, 21, 4);
    using on_line = score::clamped_distance<score::relative_bias<1>>;
    f("relative bias in a line, distance clamped",
      attention<heads<4, 2, 16>, mask::causal, on_line>{
          on_line{score::relative_bias<1>{line.matrix(), {{80}}, {{11}}}, 9}},
      attend_shape{1, 50, 80});
  }
  {
    using clamped = score::clamped_distance<score::alibi<8, score::distance::symmetric>>;
    f("alibi, distance clamped", attention<heads<8, 8, 16>, clamped>{clamped{{}, 12}},
      attend_shape{1, 70, 70});
  }
  {
    random_table keys(draw, 2.0f, 3, 75);
    for (std::size_t i = 0; i < keys.values.data.size(); i += 5) keys.values.data[i] = -infinity;
    using bias = score::key_bias<>;
    f("key bias with padding", attention<heads<4, 1, 24>, mask::causal, bias>{bias{keys.matrix()}},
      attend_shape{3, 75, 75});
    f("key bias before a soft-cap",
      attention<heads<4, 1, 24>, bias, score::softcap>{bias{keys.matrix()}, score::softcap{5.0f}},
      attend_shape{3, 20, 75});
  }
  {
    const auto of_queries = random_tensor<float>(draw, 1.0f, 1, 2 * 70, 4, 12),
               of_keys = random_tensor<float>(draw, 1.0f, 1, 2 * 70, 2, 12);
    const host_view<const float, 3> by_queries(of_queries.data.data(), 2 * 70, 4, 12),
        by_keys(of_keys.data.data(), 2 * 70, 2, 12);
    const std::vector<int> offsets{9, 70, 140};
    using terms = score::disentangled<>;
    f("disentangled terms",
      attention<heads<4, 2, 32>, terms, score::scale>{terms(by_queries, by_keys), score::scale{0.1f}},
      attend_shape{2, 50, 70});
    f("disentangled terms of sequences that begin elsewhere",
      attention<heads<4, 2, 32>, mask::causal, terms, score::scale>{
          terms(by_queries, by_keys, {offsets.data(), 3}), score::scale{0.1f}},
      attend_shape{2, 50, 61});
  }
  for (const int length : {20, 91}) {  // a ring with slots that nobody wrote, and one that went round
    const cache::sink_ring ring{6, 24, length};
    const keys::apart place{length - 3};  // the last three queries
    using clamped = score::in_ring<score::clamped_distance<score::alibi<8>>>;
    using far = mask::in_ring<mask::lambda<4, 15>>;
    f("alibi over a ring, distance clamped, behind a lambda mask",
      attention<heads<8, 2, 32>, keys::apart, clamped, far>{place, clamped(ring, {{}, 9}), far(ring)},
      attend_shape{2, 3, 30});
    random_table table(draw, 2.0f, 32, 4);
    using buckets = score::in_ring<score::t5_buckets<>>;
    using past = mask::in_ring<mask::causal>;
    f("t5 buckets over a ring",
      attention<heads<4, 2, 32>, past, keys::apart, buckets>{
          past(ring), place, buckets(ring, score::t5_buckets<>{table.matrix()})},
      attend_shape{2, 3, 30});
  }
}

/// Calls f(name, spec, shape) for compositions of each position policy.
template <class F>
void for_each_position_attention(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  using position::pairing;
  f("partial rope", attention<heads<4, 2, 32>, position::partial<8>, mask::causal>{},
    attend_shape{2, 40, 70});
  {
    using turning = position::partial<dynamic, position::rope<pairing::interleaved>>;
    f("partial rope at run time, odd rest", attention<heads<2, 1, 30>, turning, mask::causal>{turning{12}},
      attend_shape{1, 40, 40});
  }
  {
    using linear = position::rope<pairing::half_split, position::scaling::linear>;
    f("rope interpolated",
      attention<heads<2, 1, 32>, linear, mask::causal>{linear{10000.0, position::scaling::linear{4.0}}},
      attend_shape{1, 50, 90});
    using ntk = position::rope<pairing::half_split, position::scaling::ntk>;
    f("rope with ntk scaling",
      attention<heads<2, 1, 32>, ntk, mask::causal>{ntk{10000.0, position::scaling::ntk{4.0}}},
      attend_shape{1, 50, 90});
    using parts = position::rope<pairing::half_split, position::scaling::by_parts>;
    f("rope scaled by parts",
      attention<heads<2, 1, 32>, parts, mask::causal>{
          parts{500000.0, position::scaling::by_parts{8.0, 64.0}}},
      attend_shape{1, 50, 90});
    using yarn = position::rope<pairing::interleaved, position::scaling::yarn>;
    f("rope with yarn scaling",
      attention<heads<2, 1, 32>, yarn, mask::causal>{yarn{10000.0, position::scaling::yarn{16.0, 64.0}}},
      attend_shape{1, 50, 90});
  }
  {
    using image = position::axial<2, position::rope<pairing::interleaved>>;
    f("axial rope over an image",
      attention<heads<2, 2, 32>, image>{image{{{5, 7}}, position::rope<pairing::interleaved>{100.0}}},
      attend_shape{2, 35, 35});
    using video = position::axial<3>;
    f("axial rope over a video, dimensions left over", attention<heads<2, 2, 32>, video>{video{{{3, 3, 4}}}},
      attend_shape{1, 36, 36});
  }
  {
    using fixed = position::xpos<>;
    f("xpos", attention<heads<2, 1, 32>, fixed, mask::causal>{fixed{64.0, 0.4, 10000.0, 20}},
      attend_shape{1, 30, 90});
    using centred = position::xpos<pairing::half_split, position::xpos_centre::half_length>;
    f("xpos about half the length", attention<heads<2, 1, 32>, centred, mask::causal>{},
      attend_shape{2, 45, 91});
  }
  {
    std::vector<int> ids;
    std::uniform_int_distribution<int> any(0, 5000);
    for (int i = 0; i < 2 * 60; ++i) ids.push_back(any(draw));
    const host_view<const int, 2> tokens(ids.data(), 2, 60);
    using given = position::at_ids<>;
    f("positions given token by token", attention<heads<2, 1, 32>, given, mask::causal>{given{tokens}},
      attend_shape{2, 25, 60});
    using wrapped = position::partial<16, position::at_ids<position::rope<pairing::interleaved>>>;
    f("positions given, partial",
      attention<heads<2, 1, 32>, wrapped, mask::causal>{
          wrapped{position::at_ids<position::rope<pairing::interleaved>>{tokens}}},
      attend_shape{2, 25, 60});
    using placed = position::at_coordinates<2, position::rope<pairing::interleaved>>;
    f("positions given by coordinates, dimensions left over",
      attention<heads<2, 1, 40>, placed, mask::causal>{placed{host_view<const int, 3>(ids.data(), 2, 30, 2)}},
      attend_shape{2, 25, 30});
  }
  for (const int length : {20, 91}) {  // as for scores
    const cache::sink_ring ring{6, 24, length};
    const keys::apart place{length - 3};
    using near = position::in_ring<cache::sink_ring>;
    using of_window = mask::in_ring<mask::window<15>>;
    using past = mask::in_ring<mask::causal>;
    f("rope over a ring, behind a window",
      attention<heads<4, 2, 32>, near, keys::apart, of_window, past>{near(ring), place, of_window(ring),
                                                                     past(ring)},
      attend_shape{2, 3, 30});
    using far = position::in_ring<cache::sink_ring, position::constant_distance<>>;
    using first_keys = mask::in_ring<mask::sinks<6>>;
    f("rope at a constant distance over a ring's first keys",
      attention<heads<4, 2, 32>, first_keys, far, keys::apart>{
          first_keys(ring), far(ring, position::constant_distance<>{15}), place},
      attend_shape{2, 3, 30});
  }
}

/// Calls f(name, spec, shape) for compositions of each normalizer.
template <class F>
void for_each_normalizer_attention(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  f("softmax plus one", attention<heads<4, 2, 32>, mask::causal, normalizer::softmax_plus_one>{},
    attend_shape{2, 50, 70});
  f("softmax with an epsilon",
    attention<heads<4, 2, 32>, mask::causal, normalizer::softmax_with_epsilon>{
        normalizer::softmax_with_epsilon{0.7f}},
    attend_shape{2, 50, 70});
  {
    random_table sinks(draw, 3.0f, 4);
    using policy = normalizer::sinks<>;
    f("sinks", attention<heads<4, 2, 32>, mask::causal, policy>{policy{sinks.vector()}},
      attend_shape{1, 50, 70});
    f("sinks, softcap and rows without a key",
      attention<heads<4, 2, 32>, mask::window<4>, every_third, score::softcap, policy>{policy{sinks.vector()},
                                                                                       score::softcap{3.0f}},
      attend_shape{1, 60, 60});
  }
  {
    using policy = normalizer::scalable_softmax;
    f("scalable softmax", attention<heads<4, 2, 32>, mask::causal, policy>{policy{0.43f}},
      attend_shape{2, 50, 70});
    f("scalable softmax without a mask", attention<heads<2, 1, 32>, policy>{policy{0.168f}},
      attend_shape{1, 20, 66});
    random_table of_heads(draw, 0.4f, 4);
    using per_head = normalizer::scalable_softmax_per_head<>;
    f("scalable softmax per head, some hidden by a bias",
      attention<heads<4, 2, 32>, mask::window<9>, half_by_head, per_head>{per_head{of_heads.vector()},
                                                                          half_by_head{30}},
      attend_shape{1, 70, 70});
  }
  f("sigmoid", attention<heads<4, 2, 32>, mask::causal, normalizer::sigmoid>{normalizer::sigmoid{-4.0f}},
    attend_shape{2, 50, 70});
  f("squared relu",
    attention<heads<4, 2, 32>, score::scale, mask::causal, normalizer::squared_relu>{score::scale{0.02f}},
    attend_shape{2, 50, 70});
  {
    using policy = normalizer::clipped_softmax;
    f("clipped softmax", attention<heads<4, 2, 32>, mask::causal, policy>{policy{-0.02f, 1.03f}},
      attend_shape{2, 50, 170});
    f("clipped softmax, rows without a key",
      attention<heads<2, 2, 32>, mask::window<4>, every_third, policy>{policy{-0.1f}},
      attend_shape{1, 60, 60});
  }
}

}  // namespace test
