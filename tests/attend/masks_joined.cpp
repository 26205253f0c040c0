// SPDX-License-Identifier: Apache-2.0

// Masks joined by and, or, not against the algebra of truth values; how they take states, move their data and
// refuse what means nothing; and attention with every mask on the host.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "byteloom/attend/normalizer/scalable_softmax.hpp"
#include "byteloom/attend/reference.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/host/attend.hpp"
#include "support/key_ranges.hpp"
#include "support/masks.hpp"
#include "support/random.hpp"
#include "support/tensor.hpp"

namespace bl = byteloom;
namespace mask = byteloom::mask;

namespace {

constexpr int keys = 73;

bl::site site_of(int query, int key) { return {1, 3, 1, query, key, keys, keys}; }

/// `joined` keeps what truth(query, key) says, its cover never lies, and its count, if any, is right.
template <class Mask, class F>
void check_joined(const char* name, std::mt19937_64& draw, const Mask& joined, const F& truth) {
  CAPTURE(std::string(name));
  int wrong = 0;
  for (int query = 0; query < keys; ++query) {
    int kept = 0;
    for (int key = 0; key < keys; ++key) {
      const bool want = truth(site_of(query, key));
      wrong += joined.keep(site_of(query, key)) != want ? 1 : 0;
      kept += want ? 1 : 0;
    }
    if constexpr (requires { joined.count(bl::row{}); })
      CHECK(joined.count(bl::row{1, 3, 1, query, keys, keys}) == kept);
  }
  CHECK(wrong == 0);
  if constexpr (mask::detail::rises<Mask>) {
    const auto kept = [&](int query, int key) { return truth(site_of(query, key)); };
    const bl::row first{1, 3, 1, 0, keys, keys};
    CHECK(test::range_faults<16>(joined, first, 5, kept) == 0);
    CHECK(test::range_faults<32>(joined, first, 48, kept) == 0);
  }
  int lies = 0;
  std::uniform_int_distribution<int> place(0, keys - 1), size(1, 20);
  for (int round = 0; round < 400; ++round) {
    const int first_query = place(draw), first_key = place(draw);
    const int last_query = std::min(keys, first_query + size(draw)) - 1;
    const int last_key = std::min(keys, first_key + size(draw)) - 1;
    const auto found = joined.cover(bl::tile{1, 3, first_query, last_query, first_key, last_key, keys, keys});
    if (found == bl::coverage::partial) continue;
    for (int query = first_query; query <= last_query; ++query)
      for (int key = first_key; key <= last_key; ++key)
        lies += truth(site_of(query, key)) != (found == bl::coverage::full) ? 1 : 0;
  }
  CHECK(lies == 0);
}

/// All ways to join two and three masks that the algebra below names.
template <class A, class B, class C>
void check_algebra(std::mt19937_64& draw, const A& a, const B& b, const C& c) {
  using namespace bl::mask;
  const auto in = [](const auto& one) { return [&one](bl::site at) { return one.keep(at); }; };
  const auto x = in(a);
  const auto y = in(b);
  const auto z = in(c);
  check_joined("not", draw, not_<A>{a}, [&](bl::site at) { return !x(at); });
  check_joined("not not", draw, not_<not_<A>>{not_<A>{a}}, x);
  check_joined("and", draw, all_of<A, B>{a, b}, [&](bl::site at) { return x(at) && y(at); });
  check_joined("or", draw, any_of<A, B>{a, b}, [&](bl::site at) { return x(at) || y(at); });
  check_joined("and, given the other way", draw, all_of<A, B>{b, a},
               [&](bl::site at) { return x(at) && y(at); });
  check_joined("and of three", draw, all_of<A, B, C>{c, a, b},
               [&](bl::site at) { return x(at) && y(at) && z(at); });
  check_joined("or of three", draw, any_of<A, B, C>{b, c, a},
               [&](bl::site at) { return x(at) || y(at) || z(at); });
  check_joined("and of or", draw, all_of<A, any_of<B, C>>{any_of<B, C>{b, c}, a},
               [&](bl::site at) { return x(at) && (y(at) || z(at)); });
  check_joined("or of and", draw, any_of<all_of<A, B>, C>{c, all_of<A, B>{a, b}},
               [&](bl::site at) { return (x(at) && y(at)) || z(at); });
  check_joined("and not", draw, all_of<A, not_<B>, C>{a, c, not_<B>{b}},
               [&](bl::site at) { return x(at) && !y(at) && z(at); });
  check_joined("De Morgan", draw,
               not_<any_of<A, all_of<B, C>>>{any_of<A, all_of<B, C>>{a, all_of<B, C>{b, c}}},
               [&](bl::site at) { return !x(at) && (!y(at) || !z(at)); });
  check_joined("by operators", draw, (a & b) | ~c, [&](bl::site at) { return (x(at) && y(at)) || !z(at); });
}

/// Calls f(mask) with one of several masks of random state.
template <class F>
void with_random_mask(std::mt19937_64& draw, const F& f) {
  const auto up_to = [&](int limit) { return std::uniform_int_distribution<int>(1, limit)(draw); };
  switch (draw() % 9) {
    case 0:
      return f(mask::window<>{{up_to(80)}});
    case 1:
      return f(mask::local<>{{up_to(40)}});
    case 2:
      return f(mask::chunk<>{{up_to(40)}});
    case 3:
      return f(mask::dilated<>{{up_to(9)}});
    case 4:
      return f(mask::lambda<>{{up_to(30)}, {up_to(30)}});
    case 5:
      return f(mask::prefix<>{{up_to(70)}});
    case 6:
      return f(mask::block_causal<>{{up_to(30)}});
    case 7:
      return f(mask::skip_causal<>{{up_to(20)}, up_to(70), up_to(2)});
    default:
      return f(test::documents_by_batch());
  }
}

}  // namespace

TEST_CASE("masks join as truth values do") {
  auto draw = test::generator();
  const auto up_to = [&](int limit) { return std::uniform_int_distribution<int>(1, limit)(draw); };
  for (int round = 0; round < 20; ++round) {
    with_random_mask(draw, [&](const auto& a) { check_algebra(draw, a, mask::causal{}, mask::chunk<16>{}); });
    check_algebra(draw, mask::local<9>{}, mask::lambda<>{{up_to(30)}, {up_to(30)}}, test::radii());
    check_algebra(draw, mask::causal{}, test::striped{up_to(5)}, mask::prefix<>{{up_to(70)}});
    check_algebra(draw, mask::sinks<5>{}, test::bitmap_by_head(), mask::dilated<>{{up_to(9)}});
  }
  // Two of the same type: states match in order.
  const mask::all_of<mask::window<>, mask::window<>> twice{mask::window<>{{9}}, mask::window<>{{4}}};
  CHECK(twice.get<0>().width == 9);
  CHECK(twice.get<1>().width == 4);
}

TEST_CASE("a combination covers what its parts are sure of") {
  const auto over = [](int query, int key) {
    return bl::tile{0, 0, query, query + 15, key, key + 15, 200, 200};
  };
  const mask::any_of<mask::causal, mask::sinks<16>> either;
  CHECK(either.cover(over(0, 0)) == bl::coverage::full);
  CHECK(either.cover(over(64, 128)) == bl::coverage::none);
  CHECK(either.cover(over(64, 64)) == bl::coverage::partial);
  const mask::all_of<mask::causal, mask::window<32>> both;
  CHECK(both.cover(over(128, 112)) == bl::coverage::full);
  CHECK(both.cover(over(128, 64)) == bl::coverage::none);
  CHECK(both.cover(over(64, 128)) == bl::coverage::none);
  const mask::not_<mask::causal> future;
  CHECK(future.cover(over(64, 128)) == bl::coverage::full);
  CHECK(future.cover(over(64, 0)) == bl::coverage::none);
  const mask::not_<test::striped> unsure{test::striped{3}};
  CHECK(unsure.cover(over(64, 0)) == bl::coverage::partial);
}

TEST_CASE("counts of combinations are there where they follow from the parts") {
  const auto counts = [](const auto& of) {
    return requires { of.count(bl::row{}); };
  };
  CHECK(counts(mask::all_of<mask::causal, mask::window<8>>{}));
  CHECK(counts(mask::any_of<mask::sinks<4>, mask::window<8>>{}));
  CHECK(counts(mask::not_<mask::lambda<4, 8>>{}));
  CHECK_FALSE(counts(mask::all_of<mask::causal, mask::dilated<2>>{}));
  CHECK_FALSE(counts(mask::any_of<mask::causal, mask::sinks<2>, mask::local<2>>{}));
  CHECK_FALSE(counts(mask::not_<test::striped>{test::striped{2}}));
}

TEST_CASE("combinations take no room for masks without state, and nest in an attention") {
  using none = mask::all_of<mask::causal, mask::any_of<mask::window<8>, mask::sinks<2>>>;
  CHECK(std::is_empty_v<none>);
  CHECK(sizeof(mask::all_of<mask::causal, mask::window<>>) == sizeof(int));
  CHECK(std::is_trivially_copyable_v<mask::any_of<mask::not_<mask::causal>, mask::lambda<>>>);
  using spec_type = bl::attention<bl::heads<2, 2, 16>, none, mask::any_of<mask::window<>, mask::sinks<>>>;
  const spec_type spec{mask::any_of<mask::window<>, mask::sinks<>>{mask::sinks<>{{3}}, mask::window<>{{7}}}};
  CHECK(sizeof(spec_type) == 2 * sizeof(int));
  CHECK(spec.get<2>().get<0>().width == 7);
  CHECK(spec.get<2>().get<1>().number == 3);
  const spec_type other{mask::any_of<mask::window<>, mask::sinks<>>{mask::sinks<>{{3}}, mask::window<>{{8}}}};
  CHECK(spec == spec);
  CHECK_FALSE(spec == other);
  const bl::attention<bl::heads<2, 2, 16>, mask::all_of<mask::window<>>> bad{
      mask::all_of<mask::window<>>{mask::window<>{{0}}}};
  CHECK_THROWS_WITH_AS(bad.validate(), doctest::Contains("mask::window"), bl::argument_error);
}

namespace {

/// Copies what a view shows, and hands out a view of the copy: what a mover to another memory does.
struct copies {
  mutable std::vector<std::shared_ptr<void>> kept;

  template <class T, int Rank>
  bl::host_view<const T, Rank> operator()(bl::host_view<const T, Rank> of) const {
    bl::index last = 0;
    for (int a = 0; a < Rank; ++a) last += (of.extent[a] - 1) * of.stride[a];
    auto data = std::make_shared<std::vector<T>>(of.data, of.data + last + 1);
    of.data = data->data();
    kept.push_back(data);
    return of;
  }
};

}  // namespace

TEST_CASE("masks hand out every view once, in order, and combinations those of their parts") {
  using both =
      mask::all_of<mask::causal, mask::documents<>, mask::any_of<mask::window<>, mask::prefix_by_batch<>>>;
  const both of{test::documents_by_batch(), mask::any_of<mask::window<>, mask::prefix_by_batch<>>{
                                                mask::window<>{{11}}, test::prefixes()}};
  static_assert(both::where == bl::memory::host);
  static_assert(
      std::is_same_v<both::in<bl::memory::device>,
                     mask::all_of<mask::causal, mask::documents<bl::memory::device>,
                                  mask::any_of<mask::window<>, mask::prefix_by_batch<bl::memory::device>>>>);
  static_assert(both::in<bl::memory::device>::where == bl::memory::device);
  const auto holds_views = [](const auto& one) {
    return requires { std::remove_cvref_t<decltype(one)>::where; };
  };
  CHECK_FALSE(holds_views(mask::all_of<mask::causal, mask::window<3>>{}));

  int with_data = 0;
  test::for_each_mask([&](const char* name, const auto& mask, int queries, int all) {
    if constexpr (requires { mask.where; }) {
      CAPTURE(std::string(name));
      ++with_data;
      const copies mover;
      const auto moved = mask.template with_views<bl::memory::host>(mover);
      CHECK(mover.kept.size() >= 1);
      int wrong = 0;
      for (int head = 0; head < test::mask_query_heads; ++head)
        for (int query = all - queries; query < all; ++query)
          for (int key = 0; key < all; ++key) {
            const bl::site at{head % 2, head, 0, query, key, queries, all};
            wrong += moved.keep(at) != mask.keep(at) ? 1 : 0;
          }
      CHECK(wrong == 0);
    }
  });
  CHECK(with_data == 10);
  const copies mover;
  const auto moved = of.with_views<bl::memory::host>(mover);
  REQUIRE(mover.kept.size() == 2);
  CHECK(moved.get<1>().ids.data != of.get<1>().ids.data);
  CHECK(moved.get<2>().get<0>().width == 11);
  CHECK(moved.get<2>().get<1>().lengths.extent[0] == 2);
}

TEST_CASE("states of masks that mean nothing are refused by name") {
  const auto refused = [](const auto& of, const char* name) {
    CHECK_THROWS_WITH_AS(of.validate(), doctest::Contains(name), bl::argument_error);
  };
  refused(mask::local<>{{-1}}, "mask::local: a radius of -1");
  refused(mask::prefix<>{{-2}}, "mask::prefix: a prefix of -2");
  refused(mask::sinks<>{{-1}}, "mask::sinks: -1 keys");
  refused(mask::lambda<>{{-1}, {4}}, "mask::lambda: -1 first keys");
  refused(mask::lambda<>{{4}, {0}}, "a window of 0");
  for (const int size : {0, -3}) {
    refused(mask::chunk<>{{size}}, "mask::chunk: chunks of");
    refused(mask::block_causal<>{{size}}, "mask::block_causal: blocks of");
    refused(mask::dilated<>{{size}}, "mask::dilated: a step of");
    refused(mask::skip_causal<>{{size}, 4}, "mask::skip_causal: blocks of");
  }
  refused(mask::chunk<bl::dynamic, 3>{{1 << 29}}, "give a size from 1 to 536870911");
  CHECK_NOTHROW(mask::chunk<bl::dynamic, 3>{{(1 << 29) - 1}}.validate());
  refused(mask::skip_causal<>{{4}, -4}, "-4 clean tokens");
  refused(mask::skip_causal<>{{4}, 4, -1}, "a first noised block -1");

  const std::vector<int> numbers{3, 7, -1, 5};
  const bl::host_view<const int, 1> bad(numbers.data(), 4);
  refused(mask::prefix_by_batch<>{bad}, "sequence 2 has a prefix of -1");
  refused(mask::prefix_by_batch<>{}, "a null view");
  refused(mask::window_by_head<>{bad}, "head 2 has a radius of -1");
  refused(mask::window_by_head<>{}, "a null view");
  refused(mask::documents<>(bad), "ids descend at position 2 of sequence 0 (-1 after 7)");
  refused(mask::documents<>(bl::host_view<const int, 2>{}), "a null view");
  refused(mask::block_bitmap<8>(bl::host_view<const std::uint32_t, 3>{}), "a null view");
  const std::uint32_t word = 1;
  refused(mask::block_bitmap<>(bl::host_view<const std::uint32_t, 2>(&word, 1, 1), 0, 4),
          "blocks of 0 queries and 4 keys");

  refused(mask::windows<2>({0, 7}, {7, 7}), "mask::windows: a map with an extent of 0");
  refused(mask::windows<2>({1 << 16, 1 << 15}, {1, 1}), "a map of more tokens than a position counts");
  refused(mask::windows<2>({15, 14}, {7, 7}), "an extent of 15 is no multiple of its side of 7");
  refused(mask::windows<2>({14, 14}, {7, 7}, {3, 8}), "a side of 7 with a shift of 8");
  refused(mask::windows<2>({14, 14}, {7, 7}, {-1, 3}), "a side of 7 with a shift of -1");
  refused(mask::windows<1>({14}, {0}), "a side of 0");
  refused(mask::cut_windows<1>({14}, {0}, true), "mask::cut_windows: a side of 0");
  refused(mask::cut_windows<2>({14, -1}, {4, 4}), "mask::cut_windows: a map with an extent of -1");
  refused(mask::grid<2>({14, 15}, {7, 7}),
          "mask::grid: the side along axis 1 does not divide its extent of 15");
  refused(mask::grid<2>({14, 14}, {0, 7}), "along axis 0");
  refused(mask::neighbourhood<2>({6, 14}, {7, 7}), "mask::neighbourhood: a window of 7 cells");
  refused(mask::neighbourhood<1>({20}, {7}, {3}), "with a dilation of 3 over an extent of 20");
  refused(mask::neighbourhood<1>({20}, {0}), "a window of 0 cells");
  refused(mask::neighbourhood<1>({20}, {3}, {0}), "a dilation of 0");
  refused(mask::neighbourhood<1>({20}, {3}, {1}, {false}, {4}), "a stride of 4 for a window of 3");
  refused(mask::neighbourhood<1>({20}, {3}, {1}, {false}, {0}), "a stride of 0");
}

namespace {

/// attend of `queries` over `all` keys, or over a cache of room for `all` that holds `length` of each
/// sequence.
template <class Mask>
void run(const Mask& of, int batches, int heads, int all, int length = 0) {
  using heads_type = bl::heads<bl::dynamic, bl::dynamic, 8>;
  const bl::attention<heads_type, Mask> spec{of, heads_type{{heads}, {heads}, {}, {}}};
  const test::tensor<float> q(batches, 1, heads, 8), k(batches, all, heads, 8);
  test::tensor<float> out(batches, 1, heads, 8);
  const std::vector<int> lengths(static_cast<std::size_t>(batches), length);
  if (length == 0)
    bl::attend(bl::host::here(), spec, q.view(), k.view(), k.view(), out.view());
  else
    bl::attend_cached(bl::host::here(), spec, q.view(), k.view(), k.view(),
                      bl::host_view<const int, 1>(lengths.data(), batches), out.view());
}

}  // namespace

TEST_CASE("attend refuses masks whose data is too small for the call, by name") {
  const auto refused = [](const auto& of, int batches, int heads, int all, const char* sentence) {
    CHECK_THROWS_WITH_AS(run(of, batches, heads, all), sentence, bl::shape_error);
    CHECK_THROWS_WITH_AS(run(of, batches, heads, all, 1), sentence, bl::shape_error);
  };
  refused(test::prefixes(), 3, 4, 10,
          "mask::prefix_by_batch: its data is for 2 sequences, but this call has 3.");
  CHECK_NOTHROW(run(test::prefixes(), 2, 9, 200));
  refused(test::documents_by_batch(), 3, 4, 10,
          "mask::documents: its data is for 2 sequences, but this call has 3.");
  refused(test::documents_by_batch(), 2, 4, 151,
          "mask::documents: its data is for 150 keys, but this call has 151.");
  CHECK_NOTHROW(run(test::documents_by_batch(), 2, 9, 150));
  CHECK_NOTHROW(run(test::documents_shared(), 9, 4, 150));
  refused(test::radii(), 2, 5, 10,
          "mask::window_by_head: its data is for 4 query heads, but this call has 5.");
  CHECK_NOTHROW(run(test::radii(), 9, 4, 200));
  refused(test::bitmap_by_head(), 2, 5, 10,
          "mask::block_bitmap: its data is for 4 query heads, but this call has 5.");
  refused(test::bitmap_by_head(), 2, 4, 161,
          "mask::block_bitmap: its data is for 160 positions of queries, but this call has 161.");
  const std::vector<std::uint32_t> words(9, ~0u);
  const mask::block_bitmap<32, 2> narrow(bl::host_view<const std::uint32_t, 2>(words.data(), 9, 1));
  refused(narrow, 1, 1, 65, "mask::block_bitmap: its data is for 64 keys, but this call has 65.");
  CHECK_NOTHROW(run(narrow, 1, 1, 64));
  CHECK_NOTHROW(run(test::bitmap_shared(), 2, 9, 160));
  using joined = mask::all_of<mask::causal, mask::not_<mask::window_by_head<>>>;
  refused(joined{mask::not_<mask::window_by_head<>>{test::radii()}}, 2, 5, 10,
          "mask::window_by_head: its data is for 4 query heads, but this call has 5.");
}

TEST_CASE("the keys of a call are the cells of its map, and those of a cache lie on it") {
  const auto check = [](const auto& of, int cells, const std::string& name) {
    const auto sentence = [&](int found) {
      return name + ": its data is for " + std::to_string(cells) + " keys, but this call has " +
             std::to_string(found) + ".";
    };
    for (const int all : {cells - 1, cells + 1})
      CHECK_THROWS_WITH_AS(run(of, 1, 1, all), sentence(all).c_str(), bl::shape_error);
    CHECK_NOTHROW(run(of, 1, 1, cells));
    CHECK_THROWS_WITH_AS(run(of, 1, 1, cells + 1, cells), sentence(cells + 1).c_str(), bl::shape_error);
    CHECK_NOTHROW(run(of, 1, 1, cells, cells));
    CHECK_NOTHROW(run(of, 1, 1, cells, cells / 2));
    CHECK_NOTHROW(run(of, 1, 1, cells - 1, cells / 2));
  };
  check(mask::windows<2>({14, 14}, {7, 7}, {3, 3}), 196, "mask::windows");
  check(mask::cut_windows<3>({2, 5, 7}, {2, 3, 3}, true), 70, "mask::cut_windows");
  check(mask::grid<2>({6, 8}, {3, 2}), 48, "mask::grid");
  check(mask::neighbourhood<2>({6, 9}, {3, 5}), 54, "mask::neighbourhood");
  using joined = mask::any_of<mask::causal, mask::grid<1>>;
  check(joined{mask::grid<1>({12}, {3})}, 12, "mask::grid");
}

TEST_CASE("a row over a map that a cache has filled in part is scaled by the keys that are there") {
  auto draw = test::generator();
  using scaled = bl::normalizer::scalable_softmax;
  const auto check = [&](const auto& of) {
    const bl::attention<bl::heads<2, 1, 16>, std::remove_cvref_t<decltype(of)>, scaled> spec{of,
                                                                                             scaled{0.7f}};
    constexpr int cells = 60, length = 25;
    const auto q = test::random_tensor<float>(draw, 1.0f, 1, 4, 2, 16);
    const auto k = test::random_tensor<float>(draw, 1.0f, 1, cells, 1, 16);
    auto out = test::poisoned_tensor<float>(1, 4, 2, 16);
    bl::attend_cached(bl::host::here(), spec, q.view(), k.view(), k.view(),
                      bl::host_view<const int, 1>(&length, 1), out.view());
    std::vector<double> wanted;
    for (int query = length - 4; query < length; ++query)
      for (int head = 0; head < 2; ++head) {
        std::vector<int> seen;
        for (int key = 0; key < length; ++key)
          if (of.keep(bl::site{0, head, 0, query, key, 4, length})) seen.push_back(key);
        std::vector<double> weights;
        double sum = 0;
        for (const int key : seen) {
          double dot = 0;
          for (int i = 0; i < 16; ++i)
            dot += static_cast<double>(q.view()(0, query - length + 4, head, i)) *
                   static_cast<double>(k.view()(0, key, 0, i));
          weights.push_back(std::exp(dot / 4 * 0.7 * std::log(static_cast<double>(seen.size()))));
          sum += weights.back();
        }
        for (int i = 0; i < 16; ++i) {
          double mixed = 0;
          for (std::size_t j = 0; j < seen.size(); ++j)
            mixed += weights[j] / sum * static_cast<double>(k.view()(0, seen[j], 0, i));
          wanted.push_back(mixed);
        }
      }
    CHECK(test::relative_error(out.data, wanted) < 1e-5);
  };
  check(mask::neighbourhood<2>({6, 10}, {5, 5}));
  check(mask::not_<mask::windows<2>>{mask::windows<2>({6, 10}, {3, 5})});
}

TEST_CASE("masks side by side are counted where each of them reaches over an interval") {
  const auto check = [](const auto& spec, bool is_counted) {
    constexpr int all = 73;
    int wrong = 0;
    for (int head = 0; head < 4; ++head)
      for (int query = 0; query < all; ++query) {
        int kept = 0;
        for (int key = 0; key < all; ++key)
          kept += spec.keep(bl::site{1, head, 0, query, key, all, all}) ? 1 : 0;
        wrong += spec.count(bl::row{1, head, 0, query, all, all}) != (is_counted ? kept : -1) ? 1 : 0;
      }
    CHECK(wrong == 0);
  };
  using namespace bl;
  using h = heads<4, 1, 8>;
  check(attention<h>{}, true);
  check(attention<h, mask::causal>{}, true);
  check(attention<h, mask::dilated<3>>{}, true);
  check(attention<h, mask::causal, score::softcap, mask::window<9>>{score::softcap{3.0f}}, true);
  check(attention<h, mask::window<5>, mask::prefix<20>, mask::local<>>{mask::local<>{{11}}}, true);
  check(attention<h, mask::window_by_head<>, mask::prefix_by_batch<>, mask::chunk<16>>{test::radii(),
                                                                                       test::prefixes()},
        true);
  check(attention<h, mask::documents<>, mask::causal>{test::documents_by_batch()}, true);
  check(attention<h, mask::all_of<mask::causal, mask::block_causal<7>>, mask::sinks<40>>{}, true);
  check(attention<h, mask::sinks<9>, mask::not_<mask::causal>>{}, false);
  check(attention<h, mask::causal, mask::dilated<2>>{}, false);
  check(attention<h, mask::causal, test::striped>{test::striped{3}}, false);
  check(attention<h, test::striped>{test::striped{3}}, false);
  check(attention<h, test::two_blocks>{test::two_blocks{12}}, true);
  check(attention<h, mask::causal, test::two_blocks, mask::window<9>>{test::two_blocks{7}}, true);
  // intervals that do not meet: nothing is kept
  check(attention<h, mask::sinks<4>, mask::chunk<8>>{}, true);
}

TEST_CASE("attention on the host agrees with the reference under every mask") {
  auto draw = test::generator();
  test::for_each_mask([&](const char* name, const auto& of, int queries, int all) {
    CAPTURE(std::string(name));
    constexpr int batches = test::mask_batches;
    constexpr int heads = test::mask_query_heads;
    using mask_type = std::remove_cvref_t<decltype(of)>;
    const bl::attention<bl::heads<heads, 2, 16>, mask_type> spec{of};
    const auto q = test::random_tensor<float>(draw, 2.0f, batches, queries, heads, 16);
    const auto k = test::random_tensor<float>(draw, 2.0f, batches, all, 2, 16);
    const auto v = test::random_tensor<float>(draw, 1.0f, batches, all, 2, 16);
    auto out = test::poisoned_tensor<float>(batches, queries, heads, 16);
    auto wanted = test::poisoned_tensor<double>(batches, queries, heads, 16);
    bl::attend(bl::host::here(), spec, q.view(), k.view(), v.view(), out.view());
    bl::reference::attend(spec, q.view(), k.view(), v.view(), wanted.view());
    CHECK(test::relative_error(out.data, wanted.data) < 5e-6);
    const bool blind = std::string(name).find("rows without a key") != std::string::npos;
    bool some_blind = false;
    for (int batch = 0; batch < batches; ++batch)
      for (int head = 0; head < heads; ++head)
        for (int query = all - queries; query < all; ++query) {
          bool any = false;
          for (int key = 0; key < all && !any; ++key)
            any = of.keep(bl::site{batch, head, head / 2, query, key, queries, all});
          some_blind = some_blind || !any;
        }
    CHECK(some_blind == blind);
  });
}
