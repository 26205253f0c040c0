// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/xpos: rotary embedding with a decay over distance (Sun et al., "A Length-Extrapolatable
// Transformer", arXiv 2212.10554). Queries of position n are rotated and multiplied by
// zeta_i^((n - n0) / B), keys by the inverse, zeta_i = (2i/d + gamma) / (1 + gamma), so that their product
// decays with the distance.

#include <cmath>
#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/position/rope.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// Where n0 stands. It cancels out of every product of a query and a key, and keeps both factors in range.
enum class xpos_centre {
  fixed,        ///< at a position of the caller's choice: keys stay as they are while the sequence grows
  half_length,  ///< at half the sequence's length (rounded up): keys cannot be kept turned in a cache
};

template <pairing Pairing = pairing::interleaved, xpos_centre Centre = xpos_centre::fixed>
struct xpos {
  using axis = axis::position;
  static constexpr bool turns = true;
  static constexpr bool turns_by_length = Centre == xpos_centre::half_length;

  /// Throws argument_error where a number has no meaning. `centre` is n0 where it is fixed.
  explicit xpos(double scale_base = 512.0, double gamma = 0.4, double base = 10000.0, index centre = 0)
      : rotary_(base), scale_base_(scale_base), gamma_(gamma), centre_(centre) {
    if (!(scale_base > 0) || !std::isfinite(scale_base) || !(gamma > 0) || !std::isfinite(gamma))
      throw argument_error("position::xpos: a scale base of " + std::to_string(scale_base) +
                           " and a gamma of " + std::to_string(gamma) +
                           "; give finite numbers above 0 (512 and 0.4 are the paper's).");
  }

  BYTELOOM_HD static constexpr int first_of(int pair, int size) { return first_of_pair<Pairing>(pair, size); }
  BYTELOOM_HD static constexpr int second_of(int pair, int size) {
    return second_of_pair<Pairing>(pair, size);
  }

  template <class Real>
  BYTELOOM_HD rotation<Real> at_query(const spot& where, int pair, int size) const {
    return scaled<Real>(where, pair, size, 1.0);
  }
  template <class Real>
  BYTELOOM_HD rotation<Real> at_key(const spot& where, int pair, int size) const {
    return scaled<Real>(where, pair, size, -1.0);
  }

 private:
  template <class Real>
  BYTELOOM_HD rotation<Real> scaled(const spot& where, int pair, int size, double sign) const {
    const index centre = Centre == xpos_centre::half_length ? (where.length + 1) / 2 : centre_;
    const double zeta = (2.0 * pair / size + gamma_) / (1.0 + gamma_);
    const double power = sign * static_cast<double>(where.place - centre) / scale_base_;
    const Real factor = static_cast<Real>(math::exp(power * math::log(zeta)));
    const rotation<Real> turn = rotary_.template at<Real>(where.place, pair, size);
    return {turn.cosine * factor, turn.sine * factor};
  }

  rope<Pairing> rotary_;
  double scale_base_;
  double gamma_;
  index centre_;
};

}  // namespace byteloom::inline v0::position
