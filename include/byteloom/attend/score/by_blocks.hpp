// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/by_blocks: a score policy of distances where keys are summaries of blocks of the queries'
// sequence, such as the global tokens of LongT5 (Guo et al., arXiv 2112.07916).

#include <string>

#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::score {

/// `Inner` is asked as if the query stood at its block of `block` tokens; tokens beyond the last whole block
/// belong to that, since key b is the summary of block b.
template <class Inner>
struct by_blocks : byteloom::detail::wraps<Inner> {
  using axis = axis::score;
  static_assert(byteloom::detail::score_hook<Inner>,
                "byteloom: score::by_blocks wraps a score policy; write it as "
                "by_blocks<score::t5_buckets<score::t5_direction::bidirectional>>.");
  static constexpr bool replaces_default_scale = requires { requires Inner::replaces_default_scale; };
  template <memory Other>
  using in = by_blocks<byteloom::detail::rebound_policy_t<Inner, Other>>;

  Inner inner;
  divisor<> block;

  constexpr by_blocks(const Inner& of_blocks, int tokens) : inner(of_blocks), block(tokens) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(byteloom::detail::with_views<Other>(inner, f), block.value);
  }

  void validate() const {
    if (block.value < 1)
      throw argument_error("score::by_blocks: blocks of " + std::to_string(int{block.value}) +
                           " tokens; give at least 1.");
    if constexpr (requires { inner.validate(); }) inner.validate();
  }

  void fits(const call_extents& call) const {
    if constexpr (requires { inner.fits(call); }) inner.fits(call);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    at.query = math::min(block.quotient(at.query), at.keys - 1);
    return static_cast<Real>(inner(score, at));
  }
};

}  // namespace byteloom::inline v0::score
