// SPDX-License-Identifier: Apache-2.0

// Every mask against its paper's text, which each test writes down again in its own way: which sites are
// kept, what cover says of tiles, how many keys a row keeps.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "byteloom/core/error.hpp"
#include "support/key_ranges.hpp"
#include "support/masks.hpp"
#include "support/random.hpp"

namespace bl = byteloom;
namespace mask = byteloom::mask;

namespace {

/// Sites of one head of one sequence as numbers of kept sites in front of and above each, so that any tile is
/// counted at once.
struct counted {
  int keys;
  std::vector<int> sums;

  template <class F>
  counted(int keys_, const F& kept)
      : keys(keys_), sums(static_cast<std::size_t>(keys_ + 1) * static_cast<std::size_t>(keys_ + 1)) {
    for (int query = 0; query < keys; ++query)
      for (int key = 0; key < keys; ++key)
        at(query + 1, key + 1) =
            at(query, key + 1) + at(query + 1, key) - at(query, key) + (kept(query, key) ? 1 : 0);
  }
  int& at(int query, int key) {
    return sums[static_cast<std::size_t>(query) * static_cast<std::size_t>(keys + 1) +
                static_cast<std::size_t>(key)];
  }
  int in(int first_query, int last_query, int first_key, int last_key) {
    return at(last_query + 1, last_key + 1) - at(first_query, last_key + 1) - at(last_query + 1, first_key) +
           at(first_query, first_key);
  }
};

/// Calls f(first_query, last_query, first_key, last_key) for all small tiles, for squares of 16, 64 and 128
/// at several offsets, and for random rectangles.
template <class F>
void for_each_tile(int keys, const F& f) {
  static std::mt19937_64 draw(test::seed());
  const auto cut = [&](int first, int size) { return std::min(first + size, keys) - 1; };
  for (int query = 0; query < keys; ++query)
    for (int key = 0; key < keys; ++key)
      for (const int rows : {1, 2, 5})
        for (const int columns : {1, 3, 4}) f(query, cut(query, rows), key, cut(key, columns));
  for (const int size : {16, 64, 128})
    for (const int offset : {0, 3, size / 2 + 1})
      for (int query = offset; query < keys; query += size)
        for (int key = 0; key < keys; key += size) {
          f(query, cut(query, size), key, cut(key, size));
          if (key + offset < keys) f(query, cut(query, size), key + offset, cut(key + offset, size));
        }
  std::uniform_int_distribution<int> place(0, keys - 1);
  for (int round = 0; round < 3000; ++round) {
    const auto [first_query, last_query] = std::minmax({place(draw), place(draw)});
    const auto [first_key, last_key] = std::minmax({place(draw), place(draw)});
    f(first_query, last_query, first_key, last_key);
  }
}

/// wanted(batch, head, query, key) says what the mask keeps of `keys` positions. Its cover has to be tight:
/// none where no site of a tile is kept, full where all are, and partial nowhere else.
template <class Mask, class F>
void check_mask(const char* name, const Mask& of, int keys, const F& wanted, int batches = 1, int heads = 1) {
  CAPTURE(std::string(name));
  if constexpr (requires { of.validate(); }) CHECK_NOTHROW(of.validate());
  if constexpr (requires { of.fits(bl::call_extents{}); })
    CHECK_NOTHROW(of.fits(bl::call_extents{batches, keys, keys, heads, 1, 16}));
  for (int batch = 0; batch < batches; ++batch)
    for (int head = 0; head < heads; ++head) {
      CAPTURE(batch);
      CAPTURE(head);
      int wrong = 0;
      int wrong_counts = 0;
      int wrong_reaches = 0;
      for (int query = 0; query < keys; ++query) {
        int kept = 0;
        if constexpr (mask::detail::reaches<Mask>) {
          const auto own = of.reach(bl::row{batch, head, 0, query, keys, keys});
          for (int key = 0; key < keys; ++key)
            wrong_reaches += (key >= own.first && key < own.last) != wanted(batch, head, query, key) ? 1 : 0;
        }
        for (int key = 0; key < keys; ++key) {
          const bool want = wanted(batch, head, query, key);
          kept += want ? 1 : 0;
          if (of.keep(bl::site{batch, head, 0, query, key, keys, keys}) != want && wrong++ == 0)
            MESSAGE("first wrong site: query " << query << ", key " << key);
        }
        if constexpr (requires { of.count(bl::row{}); })
          if (of.count(bl::row{batch, head, 0, query, keys, keys}) != kept && wrong_counts++ == 0)
            MESSAGE("first wrong count: query "
                    << query << ", " << of.count(bl::row{batch, head, 0, query, keys, keys}) << " instead of "
                    << kept);
      }
      CHECK(wrong == 0);
      CHECK(wrong_counts == 0);
      if constexpr (mask::detail::rises<Mask>) {
        const auto kept = [&](int query, int key) { return wanted(batch, head, query, key); };
        const bl::row first{batch, head, 0, 0, keys, keys};
        CHECK(test::range_faults<16>(of, first, 7, kept) == 0);
        CHECK(test::range_faults<48>(of, first, 64, kept) == 0);
      }
      CHECK(wrong_reaches == 0);
      if constexpr (requires { of.cover(bl::tile{}); }) {
        counted sites(keys, [&](int query, int key) { return wanted(batch, head, query, key); });
        int lies = 0;
        int loose = 0;
        for_each_tile(keys, [&](int first_query, int last_query, int first_key, int last_key) {
          const int kept = sites.in(first_query, last_query, first_key, last_key);
          const int all = (last_query - first_query + 1) * (last_key - first_key + 1);
          const auto found =
              of.cover(bl::tile{batch, head, first_query, last_query, first_key, last_key, keys, keys});
          const auto meant = kept == 0     ? bl::coverage::none
                             : kept == all ? bl::coverage::full
                                           : bl::coverage::partial;
          if (found == meant) return;
          int& fault = found == bl::coverage::partial ? loose : lies;
          if (fault++ == 0)
            MESSAGE("first " << (found == bl::coverage::partial ? "loose" : "false") << " tile: queries "
                             << first_query << " to " << last_query << ", keys " << first_key << " to "
                             << last_key);
        });
        CHECK(lies == 0);
        CHECK(loose == 0);
      }
    }
}

template <class Mask>
constexpr bool has_count = requires(const Mask& of) {
  of.count(bl::row{});
};

}  // namespace

TEST_CASE("causal and window: tight, and counted") {
  static_assert(has_count<mask::causal> && has_count<mask::window<>> && has_count<mask::sinks<3>>);
  check_mask("causal", mask::causal{}, 131, [](int, int, int i, int j) { return j <= i; });
  for (const int width : {1, 7, 64, 130, 500})
    check_mask("window", mask::window<>{{width}}, 131, [=](int, int, int i, int j) { return i - j < width; });
  check_mask("sinks", mask::sinks<7>{}, 131, [](int, int, int, int j) { return j < 7; });
  check_mask("no sinks", mask::sinks<>{{0}}, 31, [](int, int, int, int) { return false; });
}

TEST_CASE("MSK-03 (partial: the local layers' mask alone) ModernBERT sees 64 keys on either side") {
  check_mask("local<64>", mask::local<64>{}, 301,
             [](int, int, int i, int j) { return std::abs(i - j) <= 64; });
  const mask::local<64> local;
  CHECK(local.count(bl::row{0, 0, 0, 150, 301, 301}) == 129);
  for (const int radius : {0, 1, 33, 1000})
    check_mask("local at run time", mask::local<>{{radius}}, 131,
               [=](int, int, int i, int j) { return std::abs(i - j) <= radius; });
}

TEST_CASE("MSK-13 (partial: no global tokens) LongT5's blocks see radius 127 of three blocks of 128") {
  check_mask("local<127>", mask::local<127>{}, 417, [](int, int, int i, int j) {
    const int block = i / 128;
    return j / 128 >= block - 1 && j / 128 <= block + 1 && std::abs(i - j) < 128;
  });
}

TEST_CASE("prefix: both ways inside, causal after") {
  for (const int length : {0, 1, 50, 131, 400})
    check_mask("prefix", mask::prefix<>{{length}}, 131, [=](int, int, int i, int j) {
      const bool both_inside = i < length && j < length;
      return both_inside || j <= i || j < length;
    });
  check_mask("prefix<33>", mask::prefix<33>{}, 99,
             [](int, int, int i, int j) { return j <= std::max(i, 32); });
  const auto& lengths = test::data_of_masks().prefixes;
  check_mask(
      "by batch", test::prefixes(), 99,
      [&](int b, int, int i, int j) { return j <= std::max(i, lengths[static_cast<std::size_t>(b)] - 1); },
      2);
}

TEST_CASE("documents: a query sees its own document") {
  auto draw = test::generator();
  const auto& data = test::data_of_masks();
  const auto id = [&](int b, int i) {
    return data.ids[static_cast<std::size_t>(b * test::mask_data::keys + i)];
  };
  check_mask(
      "by batch", test::documents_by_batch(), 150,
      [&](int b, int, int i, int j) { return id(b, i) == id(b, j); }, 2);
  check_mask(
      "shared", test::documents_shared(), 150,
      [&](int, int, int i, int j) {
        return data.shared_ids[static_cast<std::size_t>(i)] == data.shared_ids[static_cast<std::size_t>(j)];
      },
      2);
  for (int round = 0; round < 5; ++round) {
    std::vector<int> ids{static_cast<int>(draw() % 100)};
    while (ids.size() < 211)
      ids.push_back(ids.back() + (draw() % 20 == 0 ? 1 + static_cast<int>(draw() % 3) : 0));
    // The last document may go on behind what is attended to.
    for (const int keys : {1, 2, 127, 128, 129, 211})
      check_mask("random", mask::documents<>(bl::host_view<const int, 1>(ids.data(), 211)), keys,
                 [&](int, int, int i, int j) {
                   return ids[static_cast<std::size_t>(i)] == ids[static_cast<std::size_t>(j)];
                 });
  }
}

TEST_CASE("documents by their spans: a query sees its own document") {
  auto draw = test::generator();
  const auto& data = test::data_of_masks();
  const auto id = [&](int b, int i) {
    return data.ids[static_cast<std::size_t>(b * test::mask_data::keys + i)];
  };
  check_mask(
      "by batch", test::documents_by_spans(), 150,
      [&](int b, int, int i, int j) { return id(b, i) == id(b, j); }, 2);
  for (int round = 0; round < 5; ++round) {
    std::vector<int> lengths, ids;
    while (ids.size() < 211) {
      lengths.push_back(1 + static_cast<int>(draw() % (round == 0 ? 3 : 60)));
      ids.insert(ids.end(), static_cast<std::size_t>(lengths.back()), static_cast<int>(lengths.size()));
    }
    const auto spans = mask::spans_of_documents(lengths);
    REQUIRE(spans.size() == 2 * ids.size());
    // The last document may go on behind what is attended to.
    check_mask("random",
               mask::document_spans<>{
                   bl::host_view<const int, 3>(spans.data(), 1, static_cast<bl::index>(ids.size()), 2)},
               211, [&](int, int, int i, int j) {
                 return ids[static_cast<std::size_t>(i)] == ids[static_cast<std::size_t>(j)];
               });
  }
}

TEST_CASE("spans that are none of documents are refused") {
  const auto refused = [](std::vector<int> spans, int numbers = 2) {
    const mask::document_spans<> of{bl::host_view<const int, 3>(
        spans.data(), 1, static_cast<bl::index>(spans.size()) / numbers, numbers)};
    CHECK_THROWS_AS(of.validate(), bl::error);
  };
  refused({0, 2, 0, 2, 3, 4, 3, 4});  // no document at position 2
  refused({0, 2, 1, 2});              // the second begins before the first ends
  refused({0, 2, 0, 1});
  refused({0, 1, 1, 1});
  refused({1, 2});
  refused({0, 3, 0, 3, 0, 3}, 3);
  CHECK_THROWS_AS(mask::document_spans<>{}.validate(), bl::argument_error);
  const int lengths[] = {3, 0};
  CHECK_THROWS_AS(mask::spans_of_documents(lengths), bl::argument_error);
}

TEST_CASE("MSK-01 (partial: no clamped distance) LM-Infinite sees a window and the first tokens") {
  const auto by_text = [](int global, int local) {
    return [=](int, int, int i, int j) {
      const bool in_window = 0 <= i - j && i - j < local;
      const bool global_branch = j < global && i - j >= local;
      return in_window || global_branch;
    };
  };
  check_mask("lambda<10, 64>", mask::lambda<10, 64>{}, 301, by_text(10, 64));
  for (const auto& [global, local] : {std::pair{0, 1}, {1, 1}, {50, 9}, {9, 50}, {300, 4}, {4, 300}})
    check_mask("lambda at run time", mask::lambda<>{{global}, {local}}, 131, by_text(global, local));
}

TEST_CASE("chunk: its own and so many before") {
  for (const int size : {1, 13, 64, 200}) {
    const auto by_text = [=](int back) {
      return [=](int, int, int i, int j) { return j / size <= i / size && j / size >= i / size - back; };
    };
    check_mask("chunk", mask::chunk<>{{size}}, 131, by_text(0));
    check_mask("chunk and three before", mask::chunk<bl::dynamic, 3>{{size}}, 131, by_text(3));
  }
  check_mask("chunk<32, 1>", mask::chunk<32, 1>{}, 131,
             [](int, int, int i, int j) { return i / 32 - j / 32 == 0 || i / 32 - j / 32 == 1; });
}

TEST_CASE("POS-02 (partial: its blockwise causal mask alone) blocks see themselves and the one before") {
  using blockwise = mask::all_of<mask::causal, mask::chunk<32, 1>>;
  static_assert(has_count<blockwise>);
  check_mask("blockwise causal", blockwise{}, 201, [](int, int, int i, int j) {
    const bool itself = i / 32 == j / 32 && j <= i;
    const bool whole_previous = j / 32 == i / 32 - 1;
    return itself || whole_previous;
  });
}

TEST_CASE("block causal: causal between blocks, both ways inside one") {
  check_mask("block_causal<16>", mask::block_causal<16>{}, 131,
             [](int, int, int i, int j) { return j / 16 <= i / 16; });
  for (const int size : {1, 7, 200})
    check_mask("block causal at run time", mask::block_causal<>{{size}}, 131,
               [=](int, int, int i, int j) { return j / size <= i / size; });
}

TEST_CASE("block bitmap: one bit a pair of blocks") {
  auto draw = test::generator();
  const auto& data = test::data_of_masks();
  check_mask("shared", test::bitmap_shared(), 150, [&](int, int, int i, int j) {
    return (data.shared_bits[static_cast<std::size_t>(i / 32)] & (1u << (j / 32))) != 0;
  });
  check_mask(
      "by head", test::bitmap_by_head(), 150,
      [&](int, int h, int i, int j) {
        const auto word = static_cast<std::size_t>(h * 20 + i / 16 * 2 + j / 4 / 32);
        return (data.bits[word] & (1u << (j / 4 % 32))) != 0;
      },
      1, 4);
  // Key blocks of two positions: 106 of them in four words; runs of ones, so that wide tiles can be full.
  std::vector<std::vector<bool>> kept(43, std::vector<bool>(106));
  std::vector<std::uint32_t> words(43 * 4, 0u);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    bool now = draw() % 2 == 0;
    for (std::size_t j = 0; j < kept[i].size(); ++j) {
      if (draw() % 40 == 0) now = !now;
      kept[i][j] = now;
      if (now) words[i * 4 + j / 32] |= 1u << (j % 32);
    }
  }
  check_mask("random", mask::block_bitmap<5, 2>(bl::host_view<const std::uint32_t, 2>(words.data(), 43, 4)),
             211, [&](int, int, int i, int j) {
               return kept[static_cast<std::size_t>(i / 5)][static_cast<std::size_t>(j / 2)];
             });
}

TEST_CASE("MSK-04 each head sees its own window, cut at the ends of the sequence") {
  const auto& radii = test::data_of_masks().radii;
  const auto by_text = [&](int, int h, int i, int j) {
    const long long reach = radii[static_cast<std::size_t>(h)];
    const long long first = std::max(0LL, i - reach), last = std::min(130LL, i + reach);
    return first <= j && j <= last;
  };
  check_mask("both ways", test::radii(), 131, by_text, 1, 4);
  check_mask(
      "causal", mask::all_of<mask::window_by_head<>, mask::causal>{test::radii()}, 131,
      [&](int b, int h, int i, int j) { return j <= i && by_text(b, h, i, j); }, 1, 4);
}

TEST_CASE("bands and blocks along the diagonal stay tight beside mask::causal") {
  const auto& ids = test::data_of_masks().shared_ids;
  for (const int size : {1, 9, 40}) {
    check_mask("window", mask::all_of<mask::causal, mask::window<>>{mask::window<>{{size}}}, 131,
               [=](int, int, int i, int j) { return j <= i && j > i - size; });
    check_mask("local", mask::all_of<mask::local<>, mask::causal>{mask::local<>{{size}}}, 131,
               [=](int, int, int i, int j) { return j <= i && j >= i - size; });
    check_mask("chunk", mask::all_of<mask::causal, mask::chunk<>>{mask::chunk<>{{size}}}, 131,
               [=](int, int, int i, int j) { return j <= i && j / size == i / size; });
  }
  check_mask("documents", mask::all_of<mask::causal, mask::documents<>>{test::documents_shared()}, 131,
             [&](int, int, int i, int j) {
               return j <= i && ids[static_cast<std::size_t>(i)] == ids[static_cast<std::size_t>(j)];
             });
  check_mask("not causal", mask::not_<mask::causal>{}, 131, [](int, int, int i, int j) { return j > i; });
}

TEST_CASE("dilated: multiples of a step away") {
  for (const int step : {1, 2, 7, 131, 1000})
    check_mask("dilated", mask::dilated<>{{step}}, 131,
               [=](int, int, int i, int j) { return (i - j) % step == 0; });
  check_mask("dilated<3>", mask::dilated<3>{}, 131, [](int, int, int i, int j) { return i % 3 == j % 3; });
}

namespace {

using cell = std::array<int, 3>;

/// Row-major cells of a map of up to three axes (those missing have extent 1).
std::vector<cell> cells_of(cell extent) {
  std::vector<cell> result;
  for (int t = 0; t < extent[0]; ++t)
    for (int y = 0; y < extent[1]; ++y)
      for (int x = 0; x < extent[2]; ++x) result.push_back({t, y, x});
  return result;
}

template <int Axes>
cell widened(const mask::per_axis<Axes>& few, int with) {
  cell result{with, with, with};
  for (int a = 0; a < Axes; ++a)
    result[static_cast<std::size_t>(3 - Axes + a)] = few[static_cast<std::size_t>(a)];
  return result;
}

int number_of(cell extent) { return extent[0] * extent[1] * extent[2]; }

/// What each token is labelled with when the map is rolled, cut in windows, labelled by regions, and rolled
/// back, as the papers do it; two tokens see each other where window and region are the same.
std::vector<std::array<int, 6>> swin_labels(cell extent, cell window, cell shift) {
  for (std::size_t a = 0; a < 3; ++a)
    if (extent[a] <= window[a]) {
      window[a] = extent[a];
      shift[a] = 0;
    }
  const auto place = [&](const cell& c) {
    return static_cast<std::size_t>((c[0] * extent[1] + c[1]) * extent[2] + c[2]);
  };
  std::vector<std::array<int, 6>> rolled(static_cast<std::size_t>(number_of(extent)));
  for (const cell& c : cells_of(extent))
    for (std::size_t a = 0; a < 3; ++a) {
      rolled[place(c)][a] = c[a] / window[a];
      // [0, L - M), [L - M, L - s), [L - s, L)
      rolled[place(c)][3 + a] = c[a] < extent[a] - window[a] ? 0 : c[a] < extent[a] - shift[a] ? 1 : 2;
    }
  std::vector<std::array<int, 6>> back(rolled.size());
  for (const cell& c : cells_of(extent)) {  // rolled[c] holds what stood at c + shift
    cell from{};
    for (std::size_t a = 0; a < 3; ++a) from[a] = (c[a] + shift[a]) % extent[a];
    back[place(from)] = rolled[place(c)];
  }
  return back;
}

template <int Axes>
void check_swin(const char* name, mask::per_axis<Axes> extents, mask::per_axis<Axes> sides,
                mask::per_axis<Axes> shifts) {
  const auto labels =
      swin_labels(widened<Axes>(extents, 1), widened<Axes>(sides, 1), widened<Axes>(shifts, 0));
  check_mask(name, mask::windows<Axes>(extents, sides, shifts), static_cast<int>(labels.size()),
             [&](int, int, int i, int j) {
               return labels[static_cast<std::size_t>(i)] == labels[static_cast<std::size_t>(j)];
             });
}

}  // namespace

TEST_CASE("MSK-06 (partial: no bias, no merging) Swin's windows, rolled with nine regions") {
  check_swin<2>("7 x 7", {14, 21}, {7, 7}, {0, 0});
  check_swin<2>("7 x 7 shifted by 3", {14, 21}, {7, 7}, {3, 3});
  check_swin<2>("a side no longer than the window", {7, 28}, {7, 7}, {3, 3});
  check_swin<2>("a side shorter than the window", {5, 21}, {7, 7}, {3, 3});
  check_swin<2>("even", {16, 12}, {4, 4}, {2, 2});
  check_swin<2>("odd shifts", {12, 20}, {4, 5}, {1, 4});
  check_swin<1>("one axis", {91}, {13}, {6});
}

TEST_CASE("MSK-07 (partial: no bias, no merging) Video Swin's windows, rolled with 27 regions") {
  check_swin<3>("8 x 7 x 7 shifted by 4, 3, 3", {16, 7, 14}, {8, 7, 7}, {4, 3, 3});
  check_swin<3>("few frames", {3, 14, 14}, {8, 7, 7}, {4, 3, 3});
  check_swin<3>("small", {4, 6, 9}, {2, 3, 3}, {1, 1, 2});
}

TEST_CASE("MSK-08 (partial: no bias) Swin-Free's windows change their size and never shift") {
  check_swin<2>("7", {14, 28}, {7, 7}, {});
  check_swin<2>("14", {14, 28}, {14, 14}, {});
  CHECK(mask::windows<2>({14, 28}, {14, 14}).count(bl::row{0, 0, 0, 5, 392, 392}) == 196);
}

TEST_CASE("MSK-09 (partial: no bias, no convolution) MaxViT's blocks and grids") {
  const auto check = [](int height, int width, int side) {
    check_mask("block", mask::windows<2>({height, width}, {side, side}), height * width,
               [=](int, int, int i, int j) {
                 const int yi = i / width, xi = i % width, yj = j / width, xj = j % width;
                 return yi / side == yj / side && xi / side == xj / side;
               });
    check_mask("grid", mask::grid<2>({height, width}, {side, side}), height * width,
               [=](int, int, int i, int j) {
                 const int yi = i / width, xi = i % width, yj = j / width, xj = j % width;
                 const int y_step = height / side, x_step = width / side;
                 return yi % y_step == yj % y_step && xi % x_step == xj % x_step;
               });
  };
  check(14, 21, 7);
  check(8, 12, 4);
  check(7, 7, 7);
  check_mask("3-D", mask::grid<3>({4, 4, 6}, {2, 4, 3}), 96,
             [](int, int, int i, int j) { return i / 24 % 2 == j / 24 % 2 && i % 6 % 2 == j % 6 % 2; });
}

TEST_CASE("MSK-10 (partial: no positions inside windows, no text) SeedVR's windows are cut at the ends") {
  // Slices as the authors list them: [max((n - 1/2) w, 0), min((n + 1/2) w, L)), truncated, empty ones
  // dropped.
  const auto slices = [](int length, int side, bool shifted) {
    std::vector<std::pair<int, int>> result;
    const double half = shifted && side < length ? 0.5 : 0.0;
    for (int n = 0; n <= length / side + 1; ++n) {
      const int first = static_cast<int>(std::max((n - half) * side, 0.0));
      const int end = std::min(static_cast<int>((n - half + 1) * side), length);
      if (first < end) result.emplace_back(first, end);
    }
    return result;
  };
  const auto check = [&](mask::per_axis<3> extent, mask::per_axis<3> side, bool shifted) {
    std::vector<int> window(static_cast<std::size_t>(number_of(extent)), -1);
    int number = 0;
    for (const auto& [t0, t1] : slices(extent[0], side[0], shifted))
      for (const auto& [y0, y1] : slices(extent[1], side[1], shifted))
        for (const auto& [x0, x1] : slices(extent[2], side[2], shifted)) {
          for (int t = t0; t < t1; ++t)
            for (int y = y0; y < y1; ++y)
              for (int x = x0; x < x1; ++x) {
                int& own = window[static_cast<std::size_t>((t * extent[1] + y) * extent[2] + x)];
                REQUIRE(own == -1);
                own = number;
              }
          ++number;
        }
    CHECK(std::count(window.begin(), window.end(), -1) == 0);
    check_mask("cut windows", mask::cut_windows<3>(extent, side, shifted), number_of(extent),
               [&](int, int, int i, int j) {
                 return window[static_cast<std::size_t>(i)] == window[static_cast<std::size_t>(j)];
               });
  };
  for (const bool shifted : {false, true}) {
    check({5, 7, 10}, {2, 3, 4}, shifted);
    check({5, 7, 10}, {5, 5, 3}, shifted);
    check({3, 8, 9}, {8, 4, 1}, shifted);
  }
  // kappa is 1/2, 1 and 2.
  CHECK(mask::seedvr2_sides({21, 90, 160}, {4, 3, 3}) == mask::per_axis<3>{6, 15, 27});
  CHECK(mask::seedvr2_sides({61, 45, 80}, {4, 3, 3}) == mask::per_axis<3>{8, 15, 27});
  CHECK(mask::seedvr2_sides({1, 30, 30}, {4, 3, 3}) == mask::per_axis<3>{1, 20, 20});
  CHECK_THROWS_AS((void)mask::seedvr2_sides({1, 30, 30}, {4, 0, 3}), bl::argument_error);
}

namespace {

/// The keys that one coordinate sees along an axis, counted out on the line of cells that are equal modulo
/// the dilation.
std::vector<bool> neighbours(int at_cell, int extent, int window, int dilation, bool causal, int stride) {
  std::vector<int> line;
  for (int i = at_cell % dilation; i < extent; i += dilation) line.push_back(i);
  const int length = static_cast<int>(line.size());
  const int at = static_cast<int>(std::find(line.begin(), line.end(), at_cell) - line.begin());
  const int leader = std::min(at / stride * stride + (causal ? stride - 1 : stride / 2), length - 1);
  std::vector<bool> seen(static_cast<std::size_t>(extent));
  int first = 0, end = 0;
  if (causal) {
    first = std::max(leader - window + 1, 0);
    end = at + 1;
  } else {
    first = leader - window / 2;
    if (first < 0) first = 0;
    if (first + window > length) first = length - window;
    end = first + window;
  }
  for (int i = first; i < end; ++i) seen[static_cast<std::size_t>(line[static_cast<std::size_t>(i)])] = true;
  return seen;
}

template <int Axes>
void check_neighbourhood(mask::per_axis<Axes> extents, mask::per_axis<Axes> windows,
                         mask::per_axis<Axes> dilations, std::array<bool, std::size_t{Axes}> causal,
                         mask::per_axis<Axes> strides) {
  const cell extent = widened<Axes>(extents, 1), window = widened<Axes>(windows, 1),
             dilation = widened<Axes>(dilations, 1), stride = widened<Axes>(strides, 1);
  std::array<std::vector<std::vector<bool>>, 3> seen;
  for (std::size_t a = 0; a < 3; ++a)
    for (int i = 0; i < extent[a]; ++i)
      seen[a].push_back(
          neighbours(i, extent[a], window[a], dilation[a], a + Axes >= 3 && causal[a + Axes - 3], stride[a]));
  const auto cells = cells_of(extent);
  const mask::neighbourhood<Axes> of(extents, windows, dilations, causal, strides);
  check_mask("neighbourhood", of, number_of(extent), [&](int, int, int i, int j) {
    const cell& query = cells[static_cast<std::size_t>(i)];
    const cell& key = cells[static_cast<std::size_t>(j)];
    bool kept = true;
    for (std::size_t a = 0; a < 3; ++a)
      kept = kept && seen[a][static_cast<std::size_t>(query[a])][static_cast<std::size_t>(key[a])];
    if (i == j && !kept) FAIL("a query does not see itself");
    return kept;
  });
}

}  // namespace

TEST_CASE("MSK-12 (partial: no bias, no blocks) neighbourhoods keep their size at the ends of the map") {
  check_neighbourhood<1>({131}, {7}, {1}, {false}, {1});
  check_neighbourhood<1>({131}, {7}, {4}, {false}, {1});
  check_neighbourhood<1>({131}, {8}, {3}, {true}, {1});
  check_neighbourhood<1>({97}, {9}, {2}, {false}, {5});
  check_neighbourhood<1>({97}, {9}, {2}, {true}, {9});
  check_neighbourhood<2>({11, 13}, {3, 5}, {1, 1}, {}, {1, 1});
  check_neighbourhood<2>({11, 13}, {11, 13}, {1, 1}, {},
                         {1, 1});  // a window as long as the axis is all of it
  check_neighbourhood<2>({11, 17}, {3, 3}, {3, 5}, {}, {1, 1});
  check_neighbourhood<2>({9, 16}, {4, 6}, {1, 1}, {}, {1, 1});
  check_neighbourhood<2>({9, 16}, {4, 6}, {1, 2}, {true, false}, {3, 2});
  check_neighbourhood<2>({3, 70}, {3, 5}, {1, 1}, {}, {1, 1});  // rows longer than tiles
  check_neighbourhood<3>({4, 6, 7}, {2, 3, 5}, {1, 1, 1}, {true, false, false}, {1, 1, 1});
  check_neighbourhood<3>({5, 6, 7}, {3, 3, 3}, {1, 2, 2}, {false, true, false}, {2, 1, 3});
  CHECK(mask::neighbourhood<2>({11, 13}, {3, 5}).count(bl::row{0, 0, 0, 0, 143, 143}) == 15);
}

TEST_CASE("MSK-15 (partial: the mask and its use while denoising alone) ACDiT's skip-causal blocks") {
  const auto by_text = [](int half, int size) {
    return [=](int, int, int i, int j) {
      const bool clean_query = i < half, clean_key = j < half;
      const int of_query = i % half / size, of_key = j % half / size;
      if (clean_query) return clean_key && of_key <= of_query;
      return clean_key ? of_key < of_query : of_key == of_query;
    };
  };
  check_mask("training, 5 blocks of 16", mask::skip_causal<16>{{}, 80}, 160, by_text(80, 16));
  for (const auto& [blocks, size] : {std::pair{9, 7}, {1, 50}, {60, 1}})
    check_mask("training", mask::skip_causal<>{{size}, blocks * size}, 2 * blocks * size,
               by_text(blocks * size, size));

  check_mask("training, the last block cut short", mask::skip_causal<>{{7}, 40}, 80, by_text(40, 7));

  // Denoising block 4: cached clean blocks 0 to 3, the last of which comes with the noised block.
  check_mask("a denoising step", mask::skip_causal<>{{16}, 64, 4}, 80, [](int, int, int i, int j) {
    if (i >= 64) return true;
    return j < 64 && j / 16 <= i / 16;
  });
  check_mask("the first block", mask::skip_causal<>{{16}, 0}, 16, [](int, int, int, int) { return true; });
}

TEST_CASE("the mask that the documentation shows is tight") {
  for (const int size : {1, 5, 12, 64, 300})
    check_mask("two blocks", test::two_blocks{size}, 131, [&](int, int, int i, int j) {
      for (int start = 0; start <= i; start += size)
        if (i < start + size) return j >= start - size && j < start + size;
      return false;
    });
  CHECK_THROWS_AS(test::two_blocks{0}.validate(), bl::argument_error);
}
