// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/block_causal: the sequence is cut in blocks, and a query sees its whole block and all blocks
// before it: causal between blocks, both ways inside one.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// Blocks of `Size` positions: `block_causal<16>`, or `block_causal<>{{size}}`.
template <int Size = dynamic>
struct block_causal : divisor<Size> {
  using axis = axis::mask;
  static constexpr bool rises = true;

  BYTELOOM_HD constexpr bool keep(site at) const { return sees(at.query, at.key); }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (!sees(over.last_query, over.first_key)) return coverage::none;
    return sees(over.first_query, over.last_key) ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr interval reach(row of) const {
    const int start = this->quotient(of.query) * this->value;
    return {0, start + math::min(int{this->value}, of.keys - start)};
  }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (this->value < 1)
      throw argument_error("mask::block_causal: blocks of " + std::to_string(int{this->value}) +
                           " positions; give a size of at least 1, which is mask::causal.");
  }

 private:
  BYTELOOM_HD constexpr bool sees(int query, int key) const {
    return key - this->quotient(query) * this->value < this->value;
  }
};

}  // namespace byteloom::inline v0::mask
