// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/sinks: the first keys of a sequence, which models use as a place for weight that belongs
// nowhere (StreamingLLM, arXiv 2309.17453). Made to be joined: any_of<sinks<4>, window<1024>> beside
// mask::causal.

#include <string>

#include "byteloom/attend/mask/interval.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {
BYTELOOM_EXTENT(number)
}

/// `sinks<4>`, or `sinks<>{{number}}`.
template <int Number = dynamic>
struct sinks : detail::number_extent<Number> {
  using axis = axis::mask;

  BYTELOOM_HD constexpr bool keep(site at) const { return at.key < this->number; }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    if (over.first_key >= this->number) return coverage::none;
    return over.last_key < this->number ? coverage::full : coverage::partial;
  }

  BYTELOOM_HD constexpr interval reach(row of) const { return {0, math::min(int{this->number}, of.keys)}; }
  BYTELOOM_HD constexpr int count(row of) const { return reach(of).size(); }

  void validate() const {
    if (this->number < 0)
      throw argument_error("mask::sinks: " + std::to_string(int{this->number}) +
                           " keys; give 0 for none, or how many of the first keys every query sees.");
  }
};

}  // namespace byteloom::inline v0::mask
