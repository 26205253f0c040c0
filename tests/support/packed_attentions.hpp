// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attentions inside groups of tokens, of every group policy, beside policies of the other axes; each with the
// shape it is tried at.

#include <algorithm>
#include <random>
#include <vector>

#include "byteloom/attend/group/cut_windows.hpp"
#include "byteloom/attend/group/dilated.hpp"
#include "byteloom/attend/group/grid.hpp"
#include "byteloom/attend/group/segments.hpp"
#include "byteloom/attend/group/sorted.hpp"
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/attend/normalizer/scalable_softmax.hpp"
#include "byteloom/attend/normalizer/sigmoid.hpp"
#include "byteloom/attend/normalizer/softmax_plus_one.hpp"
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/attend/score/relative_bias.hpp"
#include "byteloom/attend/score/window_bias.hpp"
#include "support/attentions.hpp"
#include "support/tensor.hpp"

namespace test {

/// Windows as a user would write them: nothing but what a group policy must say. Tokens go round, the first
/// one is in none.
struct every_fifth {
  using axis = bl::axis::group;
  static constexpr int largest = 20;
  int tokens;
  BYTELOOM_HD constexpr int groups() const { return 5; }
  BYTELOOM_HD constexpr int size(int group) const { return (tokens - 2 - group) / 5 + 1; }
  BYTELOOM_HD constexpr int token(int group, int slot) const { return 1 + group + 5 * slot; }
};

/// Offsets of runs of least to most tokens.
inline std::vector<int> run_offsets(std::mt19937_64& draw, int groups, int least, int most, int first = 0) {
  std::vector<int> offsets{first};
  for (int g = 0; g < groups; ++g)
    offsets.push_back(offsets.back() + std::uniform_int_distribution<int>(least, most)(draw));
  return offsets;
}

/// Calls f(name, spec, shape) for each composition; its policies' data live as long as the call.
template <class F>
void for_each_packed(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  const auto table = [&](int rows, int heads) { return random_tensor<float>(draw, 1.0f, 1, 1, rows, heads); };
  {
    const auto biases = table(169, 4);
    using slots = score::window_bias<score::sides<7, 7>>;
    const group::windows<7, 7> plain({14, 21}), shifted({14, 21}, {3, 3});
    f("windows", attention<heads<4, 4, 32>, group::windows<7, 7>>{plain}, attend_shape{2, 294, 294});
    f("windows with bias",
      attention<heads<4, 4, 32>, group::windows<7, 7>, slots>{plain, slots(biases.matrix())},
      attend_shape{2, 294, 294});
    f("shifted windows with bias",
      attention<heads<4, 2, 32>, group::windows<7, 7>, mask::windows<2>, slots>{
          shifted, mask::windows<2>({14, 21}, {7, 7}, {3, 3}), slots(biases.matrix())},
      attend_shape{2, 294, 294});
    f("shifted windows, bias by coordinates",
      attention<heads<4, 4, 32>, group::windows<7, 7>, mask::windows<2>, score::relative_bias<2>>{
          shifted, mask::windows<2>({14, 21}, {7, 7}, {3, 3}),
          score::relative_bias<2>(biases.matrix(), {{14, 21}}, {{7, 7}})},
      attend_shape{1, 294, 294});
    f("grid with bias",
      attention<heads<4, 4, 32>, group::grid<7, 7>, slots>{group::grid<7, 7>({14, 21}),
                                                           slots(biases.matrix())},
      attend_shape{2, 294, 294});
    f("windows that shrink",
      attention<heads<4, 4, 64>, group::windows<7, 7>, slots>{group::windows<7, 7>({5, 14}),
                                                              slots(biases.matrix())},
      attend_shape{1, 70, 70});
  }
  f("windows of 196",
    attention<heads<2, 2, 32>, group::windows<14, 14>>{group::windows<14, 14>({14, 28}, {0, 7})},
    attend_shape{1, 392, 392});
  f("windows of 4", attention<heads<3, 1, 16>, group::windows<4>>{group::windows<4>({64})},
    attend_shape{3, 64, 64});
  f("windows of 16, values wider",
    attention<heads<3, 3, 24, 48>, group::windows<16>>{group::windows<16>({96})}, attend_shape{1, 96, 96});
  f("windows of 256",
    attention<heads<1, 1, 128>, group::windows<16, 16>, coordinate_bias>{group::windows<16, 16>({32, 16})},
    attend_shape{1, 512, 512});
  f("windows of 3-D, rope",
    attention<heads<2, 1, 64, 40>, position::rope<>, group::windows<2, 3, 4>>{
        group::windows<2, 3, 4>({4, 6, 8}, {1, 1, 2})},
    attend_shape{1, 192, 192});
  f("cut windows",
    attention<heads<6, 2, 40>, group::cut_windows<3, 40>>{
        group::cut_windows<3, 40>({5, 9, 7}, {2, 5, 4}, true)},
    attend_shape{1, 315, 315});
  f("dilated", attention<heads<4, 4, 16>, group::dilated<24, 5>, mask::causal>{group::dilated<24, 5>{61}},
    attend_shape{2, 61, 61});
  f("a user's groups", attention<heads<2, 2, 32>, every_fifth, coordinate_bias>{every_fifth{80}},
    attend_shape{2, 80, 80});

  const auto runs = [](const std::vector<int>& x) { return host_view<const int, 1>(x.data(), x.size()); };
  const auto words = run_offsets(draw, 40, 0, 12, 3);
  const int letters = words.back() + 2;
  f("words", attention<heads<4, 4, 64>, group::segments<12>>{group::segments<12>(runs(words))},
    attend_shape{1, letters, letters});
  f("words, causal, last queries",
    attention<heads<4, 1, 64>, group::segments<12>, mask::causal, score::softcap>{
        group::segments<12>(runs(words)), score::softcap{5.0f}},
    attend_shape{2, letters - 50, letters});
  f("words, one added to the sum",
    attention<heads<2, 2, 32>, group::segments<12>, normalizer::softmax_plus_one>{
        group::segments<12>(runs(words))},
    attend_shape{1, letters, letters});
  f("words, sigmoid",
    attention<heads<2, 2, 32>, group::segments<12>, normalizer::sigmoid>{group::segments<12>(runs(words))},
    attend_shape{1, letters, letters});
  f("pooled words", attention<heads<2, 2, 32>, group::pooled<1, 12>>{group::pooled<1, 12>(runs(words))},
    attend_shape{1, 40, letters});
  f("pooled words, several queries",
    attention<heads<2, 1, 32>, group::pooled<3, 12>>{group::pooled<3, 12>(runs(words))},
    attend_shape{1, 120, letters});

  const auto sentences = run_offsets(draw, 9, 0, 64);
  const int length = sentences.back();
  f("runs of up to 64",
    attention<heads<2, 2, 64>, group::segments<64>, mask::causal>{group::segments<64>(runs(sentences))},
    attend_shape{1, length, length});
  f("runs of up to 64, scalable softmax",
    attention<heads<2, 2, 128, 64>, group::segments<64>, every_third, normalizer::scalable_softmax>{
        group::segments<64>(runs(sentences)), normalizer::scalable_softmax{0.4f}},
    attend_shape{1, length, length});
  const auto biases = random_tensor<float>(draw, 1.0f, 1, 1, 2, length);
  f("runs of up to 64, key bias",
    attention<heads<2, 2, 32, 128>, group::segments<64>, score::key_bias<>>{
        group::segments<64>(runs(sentences)), score::key_bias<>(biases.matrix())},
    attend_shape{2, length, length});
  const auto paragraphs = run_offsets(draw, 3, 100, 256);
  f("runs of up to 256",
    attention<heads<2, 2, 64>, group::segments<256>>{group::segments<256>(runs(paragraphs))},
    attend_shape{1, paragraphs.back(), paragraphs.back()});

  std::vector<int> order(200);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::shuffle(order.begin(), order.end(), draw);
  const std::vector<int> starts{0, 150, 170, 200};
  const group::sorted_list<69> list(order, starts);
  f("sorted", attention<heads<8, 8, 16>, group::sorted<69>>{list.policy()}, attend_shape{1, 210, 210});
}

}  // namespace test
