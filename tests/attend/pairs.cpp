// SPDX-License-Identifier: Apache-2.0

// Every pair of policies of different axes, together on the host; a mask of every header. With a prime number
// n of scores, normalizers and positions, and n or more masks, score i, mask m, normalizer i + m and position
// i + 2m (mod n) meet in every pair, while i and m run through all pairs.

#include <doctest/doctest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/agreement.hpp"
#include "support/masks.hpp"
#include "support/policy_attentions.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

constexpr std::size_t levels = 11;  ///< prime

/// No policy on an axis.
struct absent {};

template <class... Policies, class... Given>
auto joined(std::type_identity<bl::attention<Policies...>>, const Given&... given) {
  return bl::attention<Policies...>{given...};
}

/// attention<heads, those of the policies that are there>, with their states.
template <class... Kept>
auto with(std::type_identity<bl::attention<Kept...>> type, std::tuple<> /*rest*/, const auto&... given) {
  return joined(type, given...);
}
template <class... Kept, class First, class... Rest>
auto with(std::type_identity<bl::attention<Kept...>> type, const std::tuple<First, Rest...>& policies,
          const auto&... given) {
  const std::tuple<Rest...> rest =
      std::apply([](const auto&, const auto&... others) { return std::tuple<Rest...>(others...); }, policies);
  if constexpr (std::is_same_v<First, absent>) {
    return with(type, rest, given...);
  } else {
    return with(std::type_identity<bl::attention<Kept..., First>>{}, rest, given..., std::get<0>(policies));
  }
}

template <class Scores, class Normalizers, class Positions, class Masks, std::size_t... Row>
void for_each_row(std::mt19937_64& draw, const Scores& scores, const Normalizers& normalizers,
                  const Positions& positions, const Masks& masks, std::index_sequence<Row...>) {
  static_assert(std::tuple_size_v<Scores> == levels && std::tuple_size_v<Normalizers> == levels &&
                std::tuple_size_v<Positions> == levels && std::tuple_size_v<Masks> >= levels);
  const auto one = [&]<std::size_t Score, std::size_t Mask>() {
    const auto& score = std::get<Score>(scores);
    const auto& normalizer = std::get<(Score + Mask) % levels>(normalizers);
    const auto& position = std::get<(Score + 2 * Mask) % levels>(positions);
    const auto spec = with(std::type_identity<bl::attention<bl::heads<4, 2, 16>>>{},
                           std::tuple(position, std::get<Mask>(masks), score, normalizer));
    const std::string name = "score " + std::to_string(Score) + ", mask " + std::to_string(Mask);
    CAPTURE(name);
    const test::attend_shape shape{2, 13, 30};
    const test::attend_inputs in(draw, spec, shape, 1.0f);
    auto wanted = test::poisoned_tensor<double>(2, 13, 4, 16);
    bl::reference::attend(spec, in.q.view(), in.k.view(), in.v.view(), wanted.view());
    CHECK(test::host_error(spec, in, wanted.data) < 1e-5);
  };
  (one.template operator()<Row % levels, Row / levels>(), ...);
}

}  // namespace

TEST_CASE("every score, normalizer, position and mask meets every other") {
  using namespace bl;
  auto draw = test::generator();
  test::random_table of_heads(draw, 0.5f, 4), buckets(draw, 1.0f, 8, 4), image(draw, 1.0f, 9 * 11, 4),
      keys(draw, 1.0f, 2, 30);
  std::vector<float> temperatures{2.0f, 3.0f, 4.0f, 5.0f};
  std::vector<int> ids;
  for (int i = 0; i < 60; ++i) ids.push_back((i * 7) % 40);

  using far = score::alibi<4, score::distance::symmetric>;
  using t5 = score::t5_buckets<score::t5_direction::bidirectional>;
  const std::tuple scores(
      absent{}, score::scale{0.3f}, score::softcap{4.0f}, score::temperature{4.0f},
      score::temperature_per_head<>{host_view<const float, 1>(temperatures.data(), 4)}, far{},
      t5{buckets.matrix(), 20}, score::relative_bias<2>{image.matrix(), {{5, 6}}, {{5, 6}}},
      score::clamped_distance<far>{far{}, 7}, score::key_bias<>{keys.matrix()}, test::coordinate_bias{});
  const std::tuple normalizers(
      normalizer::softmax{}, normalizer::softmax_plus_one{}, normalizer::sinks<>{of_heads.vector()},
      normalizer::scalable_softmax{0.4f}, normalizer::scalable_softmax_per_head<>{of_heads.vector()},
      normalizer::sigmoid{-2.0f}, normalizer::squared_relu{}, normalizer::clipped_softmax{-0.05f, 1.1f},
      absent{}, normalizer::scalable_softmax{-0.2f}, normalizer::clipped_softmax{0.0f});
  using position::pairing;
  const std::tuple positions(
      absent{}, position::rope<>{}, position::rope<pairing::interleaved>{500.0}, position::partial<8>{},
      position::axial<2>{{{5, 6}}}, position::axial<3>{{{2, 3, 5}}},
      position::xpos<pairing::half_split, position::xpos_centre::half_length>{30.0}, position::xpos<>{},
      position::at_ids<>{host_view<const int, 2>(ids.data(), 2, 30)},
      position::rope<pairing::half_split, position::scaling::yarn>{10000.0, position::scaling::yarn{4, 16}},
      position::rope<pairing::half_split, position::scaling::by_parts>{10000.0,
                                                                       position::scaling::by_parts{8, 64}});
  const std::tuple masks(absent{}, test::every_third{}, test::half_by_head{12}, test::bitmap_by_head(),
                         mask::block_causal<7>{}, mask::causal{}, mask::chunk<dynamic, 1>{{6}},
                         mask::any_of<mask::not_<mask::causal>, mask::sinks<2>>{}, mask::dilated<3>{},
                         test::documents_by_batch(), mask::grid<2>({5, 6}, {5, 3}), mask::lambda<2, 5>{},
                         mask::local<>{{4}}, mask::neighbourhood<2>({5, 6}, {3, 5}), test::prefixes(),
                         mask::sinks<4>{}, mask::skip_causal<>{{5}, 15}, mask::window<8>{}, test::radii(),
                         mask::windows<2>({5, 6}, {5, 3}, {0, 1}));
  for_each_row(draw, scores, normalizers, positions, masks,
               std::make_index_sequence<levels * std::tuple_size_v<decltype(masks)>>{});
}
