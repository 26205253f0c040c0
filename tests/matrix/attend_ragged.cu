// SPDX-License-Identifier: Apache-2.0

// Sequences of different lengths, through every path: each alone is what the reference says of it.

#include "byteloom/attend/score/key_bias.hpp"
#include "matrix/agree.cuh"
#include "support/e4m3.hpp"
#include "support/join_attentions.hpp"

namespace {

/// Where the sequences begin and end.
struct offsets {
  std::vector<int> queries, keys;

  static int longest(const std::vector<int>& of) {
    int result = 0;
    for (std::size_t b = 0; b + 1 < of.size(); ++b) result = std::max(result, of[b + 1] - of[b]);
    return result;
  }
};

/// With one of no query, one of no query and no key, and one of one query and one key.
const offsets usual{{0, 5, 5, 5, 6, 300, 365}, {0, 9, 12, 12, 13, 700, 800}};
/// Keys of other sequences, of which one has none.
const offsets apart{{0, 70, 71, 141, 400}, {0, 9, 79, 79, 389}};

/// A user's output policy that knows its row, but not which of the sequences it is in.
struct row_factor {
  using axis = bl::axis::output;
  BYTELOOM_HD float operator()(float value, bl::index row_of_call, bl::row at, int dimension) const {
    return value *
           (0.5f + 0.125f * static_cast<float>((at.query_head * 5 + at.query + 2 * dimension +
                                                static_cast<int>(row_of_call) * 3 + at.queries + at.keys) %
                                               11));
  }
};

/// Rows first to first + count - 1 of one sequence.
template <class T>
bl::host_view<const T, 4> part(const test::tensor<T>& of, int first, int count) {
  auto view = of.view();
  view.data += first * view.stride[1];
  view.extent[1] = count;
  return view;
}

/// Relative error over the sequences but `left_out`, whose values are no numbers.
template <class Path, class T = bl::bf16, class O = T, class Spec>
double ragged_error(std::mt19937_64& draw, const Spec& spec, const offsets& where = usual,
                    int left_out = -1) {
  const auto on = bl::cuda::on();
  const auto heads = spec.heads();
  constexpr int maps = Spec::map_count;
  const int queries = where.queries.back(), keys = where.keys.back();
  const auto q = test::random_tensor<T>(draw, 1.0f, 1, queries, heads.query, heads.size);
  const auto k = test::random_tensor<T>(draw, 1.0f, 1, keys, heads.key, heads.size);
  auto v = test::random_tensor<T>(draw, 1.0f, 1, keys, heads.key / maps, heads.value_size);
  const auto row_size = static_cast<std::size_t>(heads.key / maps * heads.value_size);
  if (left_out >= 0)
    for (std::size_t i = static_cast<std::size_t>(where.keys[left_out]) * row_size;
         i < static_cast<std::size_t>(where.keys[left_out + 1]) * row_size; ++i)
      v.data[i] = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
  const auto moved = bl::copy_to(on, spec);
  test::device_tensor<T> dq(on, q), dk(on, k), dv(on, v);
  test::device_tensor<O> out(on, test::poisoned_tensor<O>(1, queries, heads.query / maps, heads.value_size));
  auto of_queries = test::to_device(on, where.queries), of_keys = test::to_device(on, where.keys);
  const auto rows = []<class E>(test::device_tensor<E>& x) {
    const auto all = x.view();
    return bl::device_view<E, 3>(all.data, all.extent[1], all.extent[2], all.extent[3]);
  };
  const auto ends = static_cast<bl::index>(where.queries.size());
  bl::attend<Path>(on, moved.spec(), rows(dq), rows(dk), rows(dv),
                   bl::ragged<bl::memory::device>{bl::device_view<const int, 1>(of_queries.data(), ends),
                                                  offsets::longest(where.queries),
                                                  bl::device_view<const int, 1>(of_keys.data(), ends),
                                                  offsets::longest(where.keys)},
                   rows(out));
  const auto all_found = out.back(on);
  std::vector<double> wanted;
  std::vector<O> found;
  for (std::size_t b = 0; b + 1 < where.queries.size(); ++b) {
    const int own_queries = where.queries[b + 1] - where.queries[b];
    const int own_keys = where.keys[b + 1] - where.keys[b];
    if (own_queries == 0 || static_cast<int>(b) == left_out) continue;
    auto own = test::poisoned_tensor<double>(1, own_queries, heads.query / maps, heads.value_size);
    bl::reference::attend(spec, part(q, where.queries[b], own_queries), part(k, where.keys[b], own_keys),
                          part(v, where.keys[b], own_keys), own.view());
    wanted.insert(wanted.end(), own.data.begin(), own.data.end());
    const auto first = all_found.begin() + where.queries[b] * heads.query / maps * heads.value_size;
    found.insert(found.end(), first, first + static_cast<std::ptrdiff_t>(own.data.size()));
  }
  return test::relative_error(found, wanted);
}

}  // namespace

TEST_CASE("ragged sequences are attended one by one, on the path that is best here") {
  using namespace bl;
  auto draw = test::generator();
  CHECK(ragged_error<path::best>(draw, attention<heads<4, 2, 64>>{}) < test::bf16_bound);
  CHECK(ragged_error<path::best>(draw, attention<heads<4, 2, 128>, mask::causal>{}) < test::bf16_bound);
  CHECK(ragged_error<path::best>(
            draw, attention<heads<2, 2, 64>, position::rope<>, mask::causal, mask::window<70>>{}) <
        test::turned_bound);
}

TEST_CASE("ragged sequences on tensor cores") {
  using namespace bl;
  auto draw = test::generator();
  using clipped = normalizer::clipped_softmax;
  using plain = maps::difference<>;
  test::each_tensor_path([&]<class Path>(Path) {
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>>{}) < test::bf16_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 128>, mask::causal>{}) < test::bf16_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 4, 40, 24>, mask::causal>{}) < test::bf16_bound);
    CHECK(ragged_error<Path>(draw,
                             attention<heads<2, 2, 64>, position::rope<>, mask::causal, mask::window<70>>{}) <
          test::turned_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>, mask::causal, row_factor>{}) <
          test::bf16_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>, mask::causal, clipped>{clipped{-0.003f}}) <
          test::bf16_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>, mask::causal, normalizer::shaped>{}) <
          test::bf16_bound);
    CHECK(ragged_error<Path>(draw, attention<heads<4, 4, 64, 128>, mask::causal, plain, row_factor>{
                                       plain{0.4f}}) < test::bf16_bound);
    CHECK(ragged_error<Path, f16>(draw, attention<heads<4, 2, 64>, mask::causal>{}) < 8e-4);
  });
}

TEST_CASE("ragged sequences without tensor cores, in float and in 16 bits") {
  using namespace bl;
  auto draw = test::generator();
  using clipped = normalizer::clipped_softmax;
  using plain = maps::difference<>;
  CHECK(ragged_error<path::best, float>(draw, attention<heads<4, 2, 64>>{}) < 1e-5);
  CHECK(ragged_error<path::simt, float>(draw, attention<heads<3, 1, 33, 17>, mask::causal>{}) < 1e-5);
  CHECK(ragged_error<path::simt, float>(
            draw, attention<heads<2, 2, 64>, position::rope<>, mask::causal, mask::window<70>>{}) < 2e-5);
  CHECK(ragged_error<path::simt, float>(draw,
                                        attention<heads<4, 4, 16>, mask::causal, plain, clipped, row_factor>{
                                            plain{0.4f}, clipped{-0.003f}}) < 2e-5);
  CHECK(ragged_error<path::simt, bf16>(draw, attention<heads<4, 2, 64>, mask::causal>{}) < test::bf16_bound);
}

TEST_CASE("ragged sequences over keys of other ones, fewer or none") {
  using namespace bl;
  auto draw = test::generator();
  test::each_tensor_path([&]<class Path>(Path) {
    CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>, keys::apart>{keys::apart{4}}, apart) <
          test::bf16_bound);
    const attention<heads<4, 2, 32>, keys::apart, position::rope<>, mask::local<60>> turned{keys::apart{4}};
    CHECK(ragged_error<Path>(draw, turned, apart) < test::turned_bound);
    CHECK(ragged_error<path::simt, float>(draw, turned, apart) < 2e-5);
  });
}

TEST_CASE("ragged sequences of e4m3") {
  using namespace bl;
  auto draw = test::generator();
  using e4m3 = fp8_e4m3;
  const auto check = [&]<class Spec>(const Spec& spec, const offsets& where = usual) {
    CHECK(ragged_error<path::best, e4m3, bf16>(draw, spec, where) < test::e4m3_bound);
    CHECK(ragged_error<path::simt, e4m3, float>(draw, spec, where) < 2e-5);
    for (const int left_out : {2, 3, 4})
      CHECK(ragged_error<path::best, e4m3, bf16>(draw, spec, where, left_out) < test::e4m3_bound);
  };
  check(attention<heads<4, 2, 64>>{});
  check(attention<heads<4, 2, 128>, mask::causal>{});
  check(attention<heads<4, 4, 48, 80>, mask::causal, mask::window<70>>{});
  check(attention<heads<4, 2, 64>, mask::causal, row_factor>{});
  check(attention<heads<4, 2, 64>, keys::apart>{keys::apart{4}}, apart);
  // Tiles of 192 keys reach farther over the end of a sequence than a block of 128.
  check(attention<heads<2, 2, 128>>{});
}

TEST_CASE("what stands behind a ragged sequence is never multiplied, even where it is no number") {
  using namespace bl;
  auto draw = test::generator();
  const attention<heads<4, 2, 64>, mask::causal> causal;
  test::each_tensor_path([&]<class Path>(Path) {
    for (const int left_out : {3, 4, 5}) {
      CHECK(ragged_error<Path>(draw, causal, usual, left_out) < test::bf16_bound);
      CHECK(ragged_error<Path>(draw, attention<heads<4, 2, 64>>{}, usual, left_out) < test::bf16_bound);
      CHECK(ragged_error<path::simt, float>(draw, causal, usual, left_out) < 1e-5);
    }
  });
}
