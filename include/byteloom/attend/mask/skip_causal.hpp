// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/skip_causal: the mask of ACDiT (arXiv 2412.07720). A sequence is clean blocks followed by
// noised ones. A clean block sees the clean ones up to itself; a noised block sees the clean ones before it,
// skips its own clean copy, and sees itself; nobody else sees a noised block.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// Blocks of `Block` tokens, of which the first `clean` tokens are clean. Training sees T blocks twice:
/// `skip_causal<>{{block}, block * T}`. A denoising step of block b sees its clean past and itself:
/// `skip_causal<>{{block}, block * b, b}`, where the first noised block is number b.
template <int Block = dynamic>
struct skip_causal : divisor<Block> {
  using axis = axis::mask;

  int clean;             ///< number of clean tokens
  int first_noised = 0;  ///< the number of the first noised block

  BYTELOOM_HD constexpr bool keep(site at) const {
    if (at.key >= clean)
      return at.query >= clean && this->quotient(at.query - clean) == this->quotient(at.key - clean);
    return at.key < clean_end(at.query);
  }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    detail::parts parts;
    if (over.first_key < clean) {
      const int last_key = math::min(over.last_key, clean - 1);
      if (over.first_query < clean)
        add_clean(parts, over.first_query, math::min(over.last_query, clean - 1), over.first_key, last_key);
      if (over.last_query >= clean)
        add_clean(parts, math::max(over.first_query, clean), over.last_query, over.first_key, last_key);
    }
    if (over.last_key >= clean) {
      if (over.first_query < clean) parts.add(coverage::none);
      if (over.last_query >= clean) {
        const int first_query = this->quotient(math::max(over.first_query, clean) - clean);
        const int last_query = this->quotient(over.last_query - clean);
        const int first_key = this->quotient(math::max(over.first_key, clean) - clean);
        const int last_key = this->quotient(over.last_key - clean);
        if (first_key > last_query || last_key < first_query) {
          parts.add(coverage::none);
        } else {
          parts.add(first_query == last_key && last_query == first_key ? coverage::full : coverage::partial);
        }
      }
    }
    return parts.joined();
  }

  BYTELOOM_HD constexpr int count(row of) const {
    const int seen = math::min(clean_end(of.query), clean);
    if (of.query < clean) return seen;
    const int start = clean + this->quotient(of.query - clean) * this->value;
    return seen + math::min(int{this->value}, of.keys - start);
  }

  void validate() const {
    if (this->value < 1 || clean < 0 || first_noised < 0)
      throw argument_error("mask::skip_causal: blocks of " + std::to_string(int{this->value}) + " tokens, " +
                           std::to_string(clean) + " clean tokens and a first noised block " +
                           std::to_string(first_noised) +
                           "; give a block of at least 1 and no number below 0.");
  }

 private:
  /// The clean keys before this one are those that a query sees; it may lie past them.
  BYTELOOM_HD constexpr int clean_end(int query) const {
    return (query < clean ? this->quotient(query) + 1 : first_noised + this->quotient(query - clean)) *
           this->value;
  }
  /// Queries of one half over clean keys: the end of what they see never moves back.
  BYTELOOM_HD constexpr void add_clean(detail::parts& parts, int first_query, int last_query, int first_key,
                                       int last_key) const {
    if (first_key >= clean_end(last_query)) {
      parts.add(coverage::none);
    } else {
      parts.add(last_key < clean_end(first_query) ? coverage::full : coverage::partial);
    }
  }
};

}  // namespace byteloom::inline v0::mask
