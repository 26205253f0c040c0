// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/block_bitmap: a static block-sparse mask. Positions of queries and of keys are cut in blocks,
// and one bit says whether the queries of a block see the keys of another.

#include <cstdint>
#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::mask {

/// words [query heads, query blocks, words], or [query blocks, words] for all heads alike: bit j % 32 of word
/// j / 32 of row i says whether query block i sees key block j. Blocks count positions, so a decoding step
/// reads the row of its position. Sizes are constants or given:
/// `block_bitmap<64, 64>{words}`, `block_bitmap<>{words, query_block, key_block}`. A first extent of 1 serves
/// every head.
template <int QueryBlock = dynamic, int KeyBlock = QueryBlock, memory Where = memory::host>
struct block_bitmap {
  using axis = axis::mask;
  static constexpr memory where = Where;
  template <memory Other>
  using in = block_bitmap<QueryBlock, KeyBlock, Other>;

  view<const std::uint32_t, 3, Where> words;
  divisor<QueryBlock> query_block;
  divisor<KeyBlock> key_block;

  constexpr block_bitmap(view<const std::uint32_t, 3, Where> of_heads, divisor<QueryBlock> query_size = {},
                         divisor<KeyBlock> key_size = {})
      : words(of_heads), query_block(query_size), key_block(key_size) {}
  constexpr block_bitmap(view<const std::uint32_t, 2, Where> shared, divisor<QueryBlock> query_size = {},
                         divisor<KeyBlock> key_size = {})
      : query_block(query_size), key_block(key_size) {
    words.data = shared.data;
    words.extent[0] = 1;
    for (int i = 0; i < 2; ++i) {
      words.extent[i + 1] = shared.extent[i];
      words.stride[i + 1] = shared.stride[i];
    }
  }

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return {f(words), query_block, key_block};
  }

  BYTELOOM_HD constexpr bool keep(site at) const {
    const int block = key_block.quotient(at.key);
    return (word(at.query_head, query_block.quotient(at.query), block / 32) >> (block % 32) & 1) != 0;
  }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const int last_row = query_block.quotient(over.last_query);
    const int first = key_block.quotient(over.first_key);
    const int last = key_block.quotient(over.last_key);
    detail::parts parts;
    for (int row = query_block.quotient(over.first_query); row <= last_row && !parts.decided(); ++row)
      for (int at = first / 32; at <= last / 32; ++at) {
        const std::uint32_t all = ~std::uint32_t{0};
        const std::uint32_t asked = (at == first / 32 ? all << (first % 32) : all) &
                                    (at == last / 32 ? all >> (31 - last % 32) : all);
        const std::uint32_t set = word(over.query_head, row, at) & asked;
        parts.some = parts.some || set != 0;
        parts.missing = parts.missing || set != asked;
      }
    return parts.joined();
  }

  void validate() const {
    if (words.data == nullptr)
      throw argument_error("mask::block_bitmap: the words are a null view; give one row a query block.");
    if (query_block.value < 1 || key_block.value < 1)
      throw argument_error("mask::block_bitmap: blocks of " + std::to_string(int{query_block.value}) +
                           " queries and " + std::to_string(int{key_block.value}) +
                           " keys; give sizes of at least 1.");
  }
  void fits(const call_extents& call) const {
    if (words.extent[0] != 1)
      byteloom::detail::require_room("mask::block_bitmap", "query heads", words.extent[0], call.query_heads);
    byteloom::detail::require_room("mask::block_bitmap", "positions of queries",
                                   words.extent[1] * query_block.value, call.keys);
    byteloom::detail::require_room("mask::block_bitmap", "keys", words.extent[2] * 32 * key_block.value,
                                   call.keys);
  }

 private:
  BYTELOOM_HD constexpr std::uint32_t word(int head, int row, int at) const {
    return words(words.extent[0] == 1 ? 0 : head, row, at);
  }
};

}  // namespace byteloom::inline v0::mask
