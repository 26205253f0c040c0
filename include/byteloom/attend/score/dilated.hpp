// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/score/dilated: a score policy of offsets on a map that counts them in steps of a dilation, such as
// the bias of a dilated neighbourhood (Hassani and Shi, DiNAT, arXiv 2209.15001).

#include <string>

#include "byteloom/attend/require.hpp"
#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/divisor.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/raster.hpp"

namespace byteloom::inline v0::score {

/// Token t stands at the row-major place t of a map of extents `tokens`. `Inner` is asked as if tokens stood
/// on the map whose cells are `dilation` of these wide along each axis, of extents `coarse(tokens,
/// dilation)`: for cells that are equal modulo the dilation, offsets are those in steps of it.
template <int Axes, class Inner>
struct dilated : byteloom::detail::wraps<Inner> {
  using axis = axis::score;
  static_assert(byteloom::detail::score_hook<Inner>,
                "byteloom: score::dilated wraps a score policy; write it as "
                "dilated<2, score::relative_bias<2, score::offset::key_minus_query>>.");
  static constexpr bool replaces_default_scale = requires { requires Inner::replaces_default_scale; };
  template <memory Other>
  using in = dilated<Axes, byteloom::detail::rebound_policy_t<Inner, Other>>;

  Inner inner;
  raster<Axes> tokens;
  raster<Axes> dilation;

  constexpr dilated(const Inner& of_steps, const raster<Axes>& of_tokens, const raster<Axes>& steps)
      : inner(of_steps), tokens(of_tokens), dilation(steps) {}

  /// The extents of the map that the inner policy sees.
  static constexpr raster<Axes> coarse(const raster<Axes>& of_tokens, const raster<Axes>& steps) {
    raster<Axes> result{};
    for (int a = 0; a < Axes; ++a)
      result.extent[a] = (of_tokens.extent[a] + steps.extent[a] - 1) / steps.extent[a];
    return result;
  }

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(byteloom::detail::with_views<Other>(inner, f), tokens, dilation);
  }

  void validate() const {
    tokens.validate("score::dilated");
    for (const int own : dilation.extent)
      if (own < 1)
        throw argument_error("score::dilated: a dilation of " + std::to_string(own) +
                             "; give at least 1, which leaves the map as it is.");
    if constexpr (requires { inner.validate(); }) inner.validate();
  }

  void fits(const call_extents& call) const {
    if constexpr (requires { inner.fits(call); }) inner.fits(call);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real operator()(Real score, site at) const {
    at.query = coarse_token(at.query);
    at.key = coarse_token(at.key);
    return static_cast<Real>(inner(score, at));
  }

 private:
  BYTELOOM_HD constexpr int coarse_token(int token) const {
    int result = 0;
    int step = 1;
    BYTELOOM_UNROLL
    for (int a = Axes - 1; a >= 0; --a) {
      result += step * (tokens.coordinate(token, a) / dilation.extent[a]);
      step *= (tokens.extent[a] + dilation.extent[a] - 1) / dilation.extent[a];
    }
    return result;
  }
};

}  // namespace byteloom::inline v0::score
