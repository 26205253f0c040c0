// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/clamped_distance: a score policy that sees no distance beyond a limit, such as ALiBi behind a
// Lambda-shaped mask (Han et al., LM-Infinite, arXiv 2308.16137).

#include <string>

#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"

namespace byteloom::inline v0::score {

/// `Inner` is asked as if a key that is farther from its query than `limit` stood at that distance, on the
/// same side. It must look at the key's position for its distance alone.
template <class Inner>
struct clamped_distance : byteloom::detail::wraps<Inner> {
  using axis = axis::score;
  static_assert(byteloom::detail::score_hook<Inner>,
                "byteloom: score::clamped_distance wraps a score policy; write it as "
                "clamped_distance<score::alibi<>>.");
  static constexpr bool replaces_default_scale = requires { requires Inner::replaces_default_scale; };
  template <memory Other>
  using in = clamped_distance<byteloom::detail::rebound_policy_t<Inner, Other>>;

  Inner inner;
  int limit;  ///< at least 0

  constexpr clamped_distance(const Inner& of_distance, int largest) : inner(of_distance), limit(largest) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(byteloom::detail::with_views<Other>(inner, f), limit);
  }

  void validate() const {
    if (limit < 0)
      throw argument_error("score::clamped_distance: no distance is at most " + std::to_string(limit) +
                           "; give at least 0.");
    if constexpr (requires { inner.validate(); }) inner.validate();
  }

  void fits(const call_extents& call) const {
    if constexpr (requires { inner.fits(call); }) inner.fits(call);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    if (at.query - at.key > limit) at.key = at.query - limit;
    if (at.key - at.query > limit) at.key = at.query + limit;
    return static_cast<Real>(inner(score, at));
  }
};

}  // namespace byteloom::inline v0::score
