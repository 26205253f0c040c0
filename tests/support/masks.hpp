// SPDX-License-Identifier: Apache-2.0
#pragma once

// Masks that the host's and the device's tests of attention share, each with the lengths it is tried at.
// Those that hold views are given host views of data that lives as long as the program; with_views moves
// them.

#include <cstdint>
#include <string>
#include <vector>

#include "byteloom/attend/mask/block_bitmap.hpp"
#include "byteloom/attend/mask/block_causal.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/chunk.hpp"
#include "byteloom/attend/mask/combine.hpp"
#include "byteloom/attend/mask/dilated.hpp"
#include "byteloom/attend/mask/document_spans.hpp"
#include "byteloom/attend/mask/documents.hpp"
#include "byteloom/attend/mask/grid.hpp"
#include "byteloom/attend/mask/lambda.hpp"
#include "byteloom/attend/mask/local.hpp"
#include "byteloom/attend/mask/neighbourhood.hpp"
#include "byteloom/attend/mask/prefix.hpp"
#include "byteloom/attend/mask/sinks.hpp"
#include "byteloom/attend/mask/skip_causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/mask/window_by_head.hpp"
#include "byteloom/attend/mask/windows.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace test {

namespace bl = byteloom;

inline constexpr int mask_batches = 2;      ///< sequences that the data of the masks is for
inline constexpr int mask_query_heads = 4;  ///< query heads that it is for

/// A mask as a user would write it, without cover: it differs from head to head and from batch to batch.
struct striped {
  using axis = bl::axis::mask;
  int step;
  BYTELOOM_HD constexpr bool keep(bl::site at) const {
    return (at.key + at.query_head + 2 * at.batch) % step == 0 || at.key == at.query;
  }
};

/// A mask as a user would write it, with all that a mask may offer.
// [masks:two_blocks]
// A query sees its own block of `size` positions, also ahead of itself, and the block before it.
struct two_blocks {
  using axis = bl::axis::mask;
  static constexpr bool rises = true;
  int size;

  BYTELOOM_HD constexpr bool keep(bl::site at) const {
    const int behind = at.query / size - at.key / size;
    return behind == 0 || behind == 1;
  }

  // Blocks never descend along a sequence, so the corners of a tile bound what lies in between.
  BYTELOOM_HD constexpr bl::coverage cover(bl::tile over) const {
    const int least = over.first_query / size - over.last_key / size;
    const int most = over.last_query / size - over.first_key / size;
    if (most < 0 || least > 1) return bl::coverage::none;
    return least >= 0 && most <= 1 ? bl::coverage::full : bl::coverage::partial;
  }

  BYTELOOM_HD constexpr bl::mask::interval reach(bl::row of) const {
    const int block = of.query / size;
    return {bl::math::max(0, (block - 1) * size), bl::math::min((block + 1) * size, of.keys)};
  }

  void validate() const {
    if (size < 1) throw bl::argument_error("two_blocks: blocks of " + std::to_string(size) + " positions.");
  }
};
// [masks:two_blocks]

/// What the views of the masks below show.
struct mask_data {
  static constexpr int keys = 150;
  std::vector<int> prefixes{37, 0};
  std::vector<int> radii{0, 5, 40, 1 << 30};
  std::vector<int> ids;                    // [2, keys]
  std::vector<int> shared_ids;             // [keys]
  std::vector<int> spans;                  // [2, keys, 2], of ids
  std::vector<std::uint32_t> bits;         // [4 heads, 10 query blocks of 16, 2 words of key blocks of 4]
  std::vector<std::uint32_t> shared_bits;  // [5 query blocks of 32, 1 word of key blocks of 32]

  mask_data() {
    for (const int lengths : {11, 7}) {
      int id = 3;
      for (int i = 0; i < keys; ++i) {
        if (i % lengths == 0 || i == 50) id += 1 + i % 3;
        ids.push_back(id);
      }
    }
    for (int batch = 0; batch < 2; ++batch)
      for (int i = 0; i < keys; ++i) {
        const auto id = [&](int position) { return ids[static_cast<std::size_t>(batch * keys + position)]; };
        int first = i, last = i + 1;
        while (first > 0 && id(first - 1) == id(i)) --first;
        while (last < keys && id(last) == id(i)) ++last;
        spans.insert(spans.end(), {first, last});
      }
    for (int i = 0; i < keys; ++i) shared_ids.push_back(i < 1 ? 0 : i < 70 ? 1 : i < 71 ? 5 : 9);
    std::uint32_t noise = 12345;
    const auto draw = [&] {
      noise = noise * 1664525u + 1013904223u;
      return noise >> 16;
    };
    for (int i = 0; i < 4 * 10 * 2; ++i) bits.push_back(draw() << 16 | draw());
    // Full, empty and mixed rows, so that tiles of every coverage exist.
    for (int i = 2; i < 4; ++i) bits[static_cast<std::size_t>(i)] = ~0u;
    for (int i = 4; i < 8; ++i) bits[static_cast<std::size_t>(i)] = 0u;
    shared_bits = {0b00001u, 0b00011u, 0b00111u, 0b01001u, 0b11111u};
  }
};

inline const mask_data& data_of_masks() {
  static const mask_data data;
  return data;
}

inline bl::mask::block_bitmap<> bitmap_by_head() {
  return {bl::host_view<const std::uint32_t, 3>(data_of_masks().bits.data(), 4, 10, 2), 16, 4};
}
inline bl::mask::block_bitmap<32> bitmap_shared() {
  return {bl::host_view<const std::uint32_t, 2>(data_of_masks().shared_bits.data(), 5, 1)};
}
inline bl::mask::documents<> documents_by_batch() {
  return {bl::host_view<const int, 2>(data_of_masks().ids.data(), 2, mask_data::keys)};
}
inline bl::mask::documents<> documents_shared() {
  return {bl::host_view<const int, 1>(data_of_masks().shared_ids.data(), mask_data::keys)};
}
inline bl::mask::document_spans<> documents_by_spans() {
  return {bl::host_view<const int, 3>(data_of_masks().spans.data(), 2, mask_data::keys, 2)};
}
inline bl::mask::prefix_by_batch<> prefixes() {
  return {bl::host_view<const int, 1>(data_of_masks().prefixes.data(), 2)};
}
inline bl::mask::window_by_head<> radii() {
  return {bl::host_view<const int, 1>(data_of_masks().radii.data(), 4)};
}

/// Calls f(name, mask, queries, keys) for each mask; every row of no mask but those named so keeps a key. The
/// data is for mask_batches sequences of mask_query_heads query heads.
template <class F>
void for_each_mask(const F& f) {
  using namespace bl;
  using namespace bl::mask;
  f("causal", causal{}, 65, 65);
  f("causal, fewer queries than keys", causal{}, 5, 133);
  f("window", all_of<causal, window<24>>{}, 100, 130);
  f("window at run time, both ways", window<>{{17}}, 65, 65);
  f("local", local<9>{}, 67, 67);
  f("local at run time", local<>{{40}}, 33, 129);
  f("prefix", prefix<20>{}, 65, 65);
  f("prefix at run time", prefix<>{{70}}, 61, 101);
  f("prefix by batch", prefixes(), 67, 67);
  f("documents by batch", documents_by_batch(), 150, 150);
  f("documents by spans", documents_by_spans(), 150, 150);
  f("documents by spans, causal", all_of<document_spans<>, causal>{documents_by_spans()}, 70, 131);
  f("documents, causal", all_of<documents<>, causal>{documents_shared()}, 70, 131);
  f("sinks", sinks<4>{}, 33, 65);
  f("sinks or window, causal",
    all_of<any_of<sinks<>, window<16>>, causal>{any_of<sinks<>, window<16>>{sinks<>{{5}}}}, 129, 129);
  f("lambda", lambda<4, 24>{}, 129, 129);
  f("lambda at run time", lambda<>{{10}, {7}}, 65, 100);
  f("chunk", chunk<16>{}, 75, 75);
  f("blockwise causal", all_of<chunk<dynamic, 1>, causal>{chunk<dynamic, 1>{{21}}}, 130, 130);
  f("block causal", block_causal<8>{}, 67, 67);
  f("block causal at run time", block_causal<>{{37}}, 67, 133);
  f("block bitmap", bitmap_shared(), 131, 131);
  f("block bitmap by head (rows without a key)", bitmap_by_head(), 131, 131);
  f("window by head", radii(), 65, 131);
  f("window by head, causal", all_of<causal, window_by_head<>>{radii()}, 131, 131);
  f("dilated local", all_of<dilated<3>, local<20>>{}, 67, 67);
  f("dilated at run time", dilated<>{{5}}, 67, 90);
  f("neighbourhood 1-D", neighbourhood<1>({91}, {7}), 91, 91);
  f("neighbourhood 2-D", neighbourhood<2>({9, 13}, {3, 7}), 117, 117);
  f("neighbourhood 2-D, dilated", neighbourhood<2>({11, 13}, {5, 3}, {2, 3}), 143, 143);
  f("neighbourhood 3-D, even, causal in time, strided",
    neighbourhood<3>({5, 6, 5}, {3, 4, 3}, {1, 1, 1}, {true, false, false}, {2, 3, 1}), 150, 150);
  f("windows", windows<2>({12, 8}, {4, 4}), 96, 96);
  f("windows, shifted", windows<2>({14, 7}, {7, 7}, {3, 3}), 98, 98);
  f("windows 3-D, shifted", windows<3>({4, 6, 6}, {8, 3, 3}, {4, 1, 1}), 144, 144);
  f("cut windows", cut_windows<3>({5, 7, 4}, {2, 3, 3}, true), 140, 140);
  f("grid", grid<2>({8, 12}, {4, 4}), 96, 96);
  f("skip-causal, training", skip_causal<8>{{}, 64}, 128, 128);
  f("skip-causal, a denoising step", skip_causal<>{{7}, 70, 10}, 7, 77);
  f("not causal, or own document", any_of<not_<causal>, documents<>>{documents_by_batch()}, 67, 67);
  f("not a chunk (rows without a key)", all_of<not_<chunk<40>>, causal>{}, 67, 67);
  f("user's, without cover", striped{3}, 65, 65);
  f("user's, with cover", two_blocks{12}, 67, 70);
  f("user's, in a combination",
    any_of<all_of<striped, causal>, sinks<3>>{all_of<striped, causal>{striped{4}}}, 70, 90);
}

}  // namespace test
