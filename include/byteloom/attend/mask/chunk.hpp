// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/chunk: the sequence is cut in chunks, and a query sees the keys of its own chunk and of some
// chunks before it. With mask::causal beside it: chunked attention (Back 0), and the blockwise causal
// attention of xPos (Back 1, arXiv 2212.10554, chunks of half the training length).

#include <limits>
#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

/// Chunks of `Size` positions, of which a query sees its own and `Back` before it: `chunk<8192>`, or
/// `chunk<>{{size}}`.
template <int Size = dynamic, int Back = 0>
struct chunk : divisor<Size> {
  using axis = axis::mask;
  static constexpr bool rises = true;
  static_assert(
      Back >= 0,
      "byteloom: mask::chunk<size, back> sees chunks before the query's own; write as back how many, 0 for "
      "none.");

  BYTELOOM_HD constexpr bool keep(site at) const {
    const int start = start_of(at.query);
    return at.key - start < this->value && start - at.key <= Back * this->value;
  }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    const int first_query = this->quotient(over.first_query);
    const int last_query = this->quotient(over.last_query);
    const int first_key = this->quotient(over.first_key);
    const int last_key = this->quotient(over.last_key);
    if (first_key > last_query || first_query - last_key > Back) return coverage::none;
    return last_key <= first_query && last_query - first_key <= Back ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr interval reach(row of) const {
    const int start = start_of(of.query);
    return {math::max(0, start - Back * this->value), start + math::min(int{this->value}, of.keys - start)};
  }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    constexpr int largest = std::numeric_limits<int>::max() / (Back + 1);
    if (this->value < 1 || this->value > largest)
      throw argument_error("mask::chunk: chunks of " + std::to_string(int{this->value}) +
                           " positions; give a size from 1 to " + std::to_string(largest) + ".");
  }

 private:
  BYTELOOM_HD constexpr int start_of(int position) const { return this->quotient(position) * this->value; }
};

}  // namespace byteloom::inline v0::mask
