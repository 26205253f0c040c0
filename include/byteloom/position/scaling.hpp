// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/scaling: how the frequencies of position::rope are stretched, so that a model reads contexts
// longer than those of its training. Each scaling gives the frequency of a pair (radians a position) from the
// logarithm of the base, and may multiply queries and keys by a magnitude.

#include <cmath>
#include <string>

#include "byteloom/core/config.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"

namespace byteloom::inline v0::position::scaling {

namespace detail {

inline double require_positive(const char* scaling, const char* what, double value) {
  if (!(value > 0) || !std::isfinite(value))
    throw argument_error("position::scaling::" + std::string(scaling) + ": a " + what + " of " +
                         std::to_string(value) + " stretches nothing; give a finite number above 0.");
  return value;
}

BYTELOOM_HD constexpr double clamp01(double x) { return x < 0 ? 0.0 : x > 1 ? 1.0 : x; }

}  // namespace detail

/// base^(-2 pair / size).
struct none {
  static constexpr bool has_magnitude = false;
  BYTELOOM_HD double frequency(double log_base, int pair, int size) const {
    return math::exp(log_base * (-2.0 * pair / size));
  }
};

/// All frequencies over `factor` (Chen et al., position interpolation, arXiv 2306.15595).
struct linear {
  static constexpr bool has_magnitude = false;
  double factor;

  explicit linear(double by) : factor(detail::require_positive("linear", "factor", by)) {}

  BYTELOOM_HD double frequency(double log_base, int pair, int size) const {
    return none{}.frequency(log_base, pair, size) / factor;
  }
};

/// The base times factor^(size / (size - 2)): the highest frequency stays, the lowest is divided by the
/// factor ("NTK-aware" scaling; Peng et al., arXiv 2309.00071, section 3.1).
struct ntk {
  static constexpr bool has_magnitude = false;
  double factor;
  double log_factor;

  explicit ntk(double by) : factor(detail::require_positive("ntk", "factor", by)), log_factor(std::log(by)) {}

  BYTELOOM_HD double frequency(double log_base, int pair, int size) const {
    if (pair == 0) return 1.0;
    return none{}.frequency(log_base + log_factor * size / (size - 2.0), pair, size);
  }
};

/// Pairs that turn more than `high` times over the trained length stay, those that turn less than `low`
/// times are divided by the factor, and between them the two are mixed by the number of turns ("NTK by
/// parts", arXiv 2309.00071, section 3.2; Llama 3.1 with factor 8, low 1, high 4, length 8192).
struct by_parts {
  static constexpr bool has_magnitude = false;
  double factor;
  double length;
  double low;
  double high;

  by_parts(double by, double trained_length, double low_turns = 1.0, double high_turns = 4.0)
      : factor(detail::require_positive("by_parts", "factor", by)),
        length(detail::require_positive("by_parts", "trained length", trained_length)),
        low(low_turns),
        high(high_turns) {
    if (!(low < high))
      throw argument_error("position::scaling::by_parts: from " + std::to_string(low) + " to " +
                           std::to_string(high) + " turns; the first must be below the second.");
  }

  BYTELOOM_HD double frequency(double log_base, int pair, int size) const {
    const double plain = none{}.frequency(log_base, pair, size);
    const double turns = length * plain * (0.5 / 3.14159265358979323846);
    const double kept = detail::clamp01((turns - low) / (high - low));
    return plain * kept + plain / factor * (1.0 - kept);
  }
};

/// YaRN (Peng et al., arXiv 2309.00071) as its published code computes it: the mix of by_parts, but linear in
/// the pair's number between the pairs that turn `fast` and `slow` times over the trained length, rounded
/// outwards; and queries and keys times 0.1 ln(factor) + 1, or `magnitude` where it is given.
struct yarn {
  static constexpr bool has_magnitude = true;

  yarn(double by, double trained_length, double fast_turns = 32.0, double slow_turns = 1.0,
       double magnitude = 0.0)
      : factor_(detail::require_positive("yarn", "factor", by)),
        log_fast_(std::log(detail::require_positive("yarn", "trained length", trained_length) /
                           (detail::require_positive("yarn", "number of fast turns", fast_turns) * two_pi))),
        log_slow_(std::log(trained_length /
                           (detail::require_positive("yarn", "number of slow turns", slow_turns) * two_pi))),
        magnitude_(magnitude > 0 ? magnitude
                   : by > 1      ? 0.1 * std::log(by) + 1.0
                                 : 1.0) {}

  BYTELOOM_HD double frequency(double log_base, int pair, int size) const {
    const double plain = none{}.frequency(log_base, pair, size);
    const double first = math::max(math::floor(pair_turning(log_fast_, log_base, size)), 0.0);
    const double last =
        math::min(-math::floor(-pair_turning(log_slow_, log_base, size)), static_cast<double>(size - 1));
    const double stretched = detail::clamp01((pair - first) / (last == first ? 0.001 : last - first));
    return plain * (1.0 - stretched) + plain / factor_ * stretched;
  }

  BYTELOOM_HD double magnitude() const { return magnitude_; }

 private:
  static constexpr double two_pi = 6.28318530717958647692;

  /// The pair, as a real number, that turns a given number of times over the trained length.
  BYTELOOM_HD static double pair_turning(double log_length_a_turn, double log_base, int size) {
    return size * log_length_a_turn / (2.0 * log_base);
  }

  double factor_;
  double log_fast_;
  double log_slow_;
  double magnitude_;
};

}  // namespace byteloom::inline v0::position::scaling
