// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/mask/dilated: a query sees the keys whose distance from it is a multiple of `step`. With
// mask::window or mask::local beside it this is the dilated window of Longformer (arXiv 2004.05150).

#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::mask {

namespace detail {

/// Whether the two lie a multiple of the step apart.
template <int Step>
BYTELOOM_HD constexpr bool in_step(const divisor<Step>& step, int a, int b) {
  return step.remainder(a < b ? b - a : a - b) == 0;
}

/// The same of queries first_query..last_query and keys first_key..last_key. Tight: their differences are all
/// integers between the least and the greatest.
template <int Step>
BYTELOOM_HD constexpr coverage in_step(const divisor<Step>& step, int first_query, int last_query,
                                       int first_key, int last_key) {
  if (step.value == 1) return coverage::full;
  const int least = first_query - last_key;
  const int greatest = last_query - first_key;
  if (least == greatest) return in_step(step, first_query, first_key) ? coverage::full : coverage::none;
  if (least <= 0 && greatest >= 0) return coverage::partial;
  const int nearest = least > 0 ? least : -greatest;
  const int farthest = least > 0 ? greatest : -least;
  return step.remainder(farthest) > farthest - nearest ? coverage::none : coverage::partial;
}

}  // namespace detail

/// `dilated<2>`, or `dilated<>{{step}}`.
template <int Step = dynamic>
struct dilated : divisor<Step> {
  using axis = axis::mask;

  BYTELOOM_HD constexpr bool keep(site at) const { return detail::in_step(step(), at.query, at.key); }

  BYTELOOM_HD constexpr coverage cover(tile over) const {
    return detail::in_step(step(), over.first_query, over.last_query, over.first_key, over.last_key);
  }

  BYTELOOM_HD constexpr int count(row of) const {
    return this->quotient(of.query) + this->quotient(of.keys - 1 - of.query) + 1;
  }

  void validate() const {
    if (this->value < 1)
      throw argument_error("mask::dilated: a step of " + std::to_string(int{this->value}) +
                           "; give at least 1, which keeps every key.");
  }

 private:
  BYTELOOM_HD constexpr const divisor<Step>& step() const { return *this; }
};

}  // namespace byteloom::inline v0::mask
