// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/rope: rotary position embedding (Su et al., "RoFormer", arXiv 2104.09864). Dimensions of a head
// are taken in pairs; pair i of a head of size d turns by position * base^(-2i/d) radians, so that the dot
// product of a query and a key depends on the distance of their positions only.

#include <cmath>
#include <string>
#include <type_traits>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/scaling.hpp"
#include "byteloom/position/turn.hpp"

namespace byteloom::inline v0::position {

/// Which dimensions form pair i of a head of size d.
enum class pairing {
  half_split,   ///< i and i + d/2 (GPT-NeoX, Llama as published on Hugging Face)
  interleaved,  ///< 2i and 2i + 1 (the paper, GPT-J, Llama as published by Meta)
};

template <pairing Pairing>
BYTELOOM_HD constexpr int first_of_pair(int pair, int) {
  return Pairing == pairing::half_split ? pair : 2 * pair;
}
template <pairing Pairing>
BYTELOOM_HD constexpr int second_of_pair(int pair, int size) {
  return Pairing == pairing::half_split ? pair + size / 2 : 2 * pair + 1;
}

/// The rotation by `place * frequency` radians. The angle is reduced in double, since position times
/// frequency loses its fraction in float at positions that contexts reach.
template <class Real>
BYTELOOM_HD rotation<Real> rotation_by(double place, double frequency) {
  const double half_turns = place * frequency * (1.0 / 3.14159265358979323846);
  const Real angle = static_cast<Real>(half_turns - 2.0 * math::floor(half_turns * 0.5 + 0.5));
  return {math::cospi(angle), math::sinpi(angle)};
}

/// `Scaling` stretches the frequencies for contexts longer than the trained one: position/scaling.hpp.
template <pairing Pairing = pairing::half_split, class Scaling = scaling::none>
struct rope : private Scaling {
  using axis = axis::position;
  static constexpr bool turns = true;

  /// Throws argument_error where `base` is not a finite number above 0.
  explicit rope(double base = 10000.0) requires(std::is_empty_v<Scaling>) : rope(base, Scaling{}) {}
  rope(double base, const Scaling& scaling) : Scaling(scaling), base_(base), log_base_(std::log(base)) {
    if (!(base > 0) || !std::isfinite(base))
      throw argument_error("position::rope: a base of " + std::to_string(base) +
                           " gives no frequencies; give a finite number above 0 (10000 is the paper's).");
  }

  BYTELOOM_HD constexpr double base() const { return base_; }
  BYTELOOM_HD constexpr const Scaling& scaling() const { return *this; }

  /// The two dimensions of a pair; `size` is the head size, even.
  BYTELOOM_HD static constexpr int first_of(int pair, int size) { return first_of_pair<Pairing>(pair, size); }
  BYTELOOM_HD static constexpr int second_of(int pair, int size) {
    return second_of_pair<Pairing>(pair, size);
  }

  /// How pair `pair` of a head turns at a position.
  template <class Real>
  BYTELOOM_HD rotation<Real> at(index place, int pair, int size) const {
    rotation<Real> turn =
        rotation_by<Real>(static_cast<double>(place), scaling().frequency(log_base_, pair, size));
    if constexpr (Scaling::has_magnitude) {
      const Real magnitude = static_cast<Real>(scaling().magnitude());
      turn.cosine *= magnitude;
      turn.sine *= magnitude;
    }
    return turn;
  }

 private:
  double base_;
  double log_base_;  ///< kept, since a logarithm would be most of a rotation's cost
};

/// No position: queries and keys stay as they are.
struct none {
  using axis = axis::position;
  static constexpr bool turns = false;
};

}  // namespace byteloom::inline v0::position
