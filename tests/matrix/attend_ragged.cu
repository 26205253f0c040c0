// SPDX-License-Identifier: Apache-2.0

// Sequences of different lengths on tensor cores: each alone is what the reference says of it.

#include "byteloom/attend/score/key_bias.hpp"
#include "matrix/agree.cuh"

namespace {

const std::vector<int> query_offsets{0, 5, 5, 6, 300, 365};
const std::vector<int> key_offsets{0, 9, 9, 10, 700, 800};

template <class Spec>
double ragged_error(std::mt19937_64& draw, const Spec& spec) {
  using bl::bf16;
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  auto q = test::random_tensor<bf16>(draw, 1.0f, 1, 365, heads.query, heads.size);
  auto k = test::random_tensor<bf16>(draw, 1.0f, 1, 800, heads.key, heads.size);
  auto v = test::random_tensor<bf16>(draw, 1.0f, 1, 800, heads.key, heads.value_size);
  const auto moved = bl::copy_to(on, spec);
  test::device_tensor<bf16> dq(on, q), dk(on, k), dv(on, v),
      out(on, test::poisoned_tensor<bf16>(1, 365, heads.query, heads.value_size));
  auto of_queries = test::to_device(on, query_offsets), of_keys = test::to_device(on, key_offsets);
  const auto rows = [](auto& x) {
    const auto all = x.view();
    return bl::device_view<bf16, 3>(all.data, all.extent[1], all.extent[2], all.extent[3]);
  };
  bl::attend(on, moved.spec(), rows(dq), rows(dk), rows(dv),
             bl::ragged<bl::memory::device>{bl::device_view<const int, 1>(of_queries.data(), 6), 294,
                                            bl::device_view<const int, 1>(of_keys.data(), 6), 690},
             rows(out));
  std::vector<double> wanted;
  for (std::size_t b = 0; b + 1 < query_offsets.size(); ++b) {
    const int queries = query_offsets[b + 1] - query_offsets[b], keys = key_offsets[b + 1] - key_offsets[b];
    if (queries == 0) continue;
    const auto part = [](auto& of, int first, int count) {
      auto view = of.view();
      view.data += first * view.stride[1];
      view.extent[1] = count;
      return view;
    };
    auto own = test::poisoned_tensor<double>(1, queries, heads.query, heads.value_size);
    bl::reference::attend(spec, part(q, query_offsets[b], queries), part(k, key_offsets[b], keys),
                          part(v, key_offsets[b], keys), own.view());
    wanted.insert(wanted.end(), own.data.begin(), own.data.end());
  }
  return test::relative_error(out.back(on), wanted);
}

}  // namespace

TEST_CASE("ragged sequences on tensor cores are attended one by one") {
  using namespace bl;
  auto draw = test::generator();
  CHECK(ragged_error(draw, attention<heads<4, 2, 64>>{}) < test::bf16_bound);
  CHECK(ragged_error(draw, attention<heads<4, 2, 128>, mask::causal>{}) < test::bf16_bound);
  CHECK(ragged_error(draw, attention<heads<2, 2, 64>, position::rope<>, mask::causal, mask::window<70>>{}) <
        test::turned_bound);
}
