// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/maps/difference: the difference of two softmax maps over one value (Ye et al., "Differential
// Transformer", arXiv 2410.05258): O = (softmax(Q1 K1) - lambda softmax(Q2 K2)) V. The halves of output head
// o are the query heads 2o and 2o + 1; values are twice as wide as keys in the paper, and free here. The
// paper norms the output by output::norm<norm::rms> times 1 - initial_lambda(depth).

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "byteloom/attend/site.hpp"
#include "byteloom/core/axis.hpp"
#include "byteloom/core/call_extents.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::maps {

/// Which key head a query head sees where key heads are fewer. The authors published both; without groups
/// they are the same.
enum class key_heads {
  repeated,  ///< query head / group, as everywhere (multihead_diffattn.py)
  paired,    ///< first halves see first halves and second ones second ones (multihead_flashdiff_1.py)
};

namespace detail {
template <key_heads Keys>
struct two_maps {
  using axis = axis::maps;
  static constexpr int count = 2;

  BYTELOOM_HD static constexpr int key_head(int query_head, int group) {
    if constexpr (Keys == key_heads::repeated) {
      return query_head / group;
    } else {
      return query_head / 2 / group * 2 + query_head % 2;
    }
  }
};

inline void require_lambda(const char* name, float lambda) {
  if (!std::isfinite(lambda))
    throw argument_error(std::string(name) + ": a lambda of " + std::to_string(lambda) +
                         " weighs no map; give a finite number.");
}
}  // namespace detail

/// One lambda for all heads.
template <key_heads Keys = key_heads::repeated>
struct difference : detail::two_maps<Keys> {
  float lambda;

  constexpr explicit difference(float of_second) : lambda(of_second) {}

  void validate() const { detail::require_lambda("maps::difference", lambda); }

  template <class Real>
  BYTELOOM_HD constexpr Real factor(int map, row) const {
    return map == 0 ? Real(1) : -static_cast<Real>(lambda);
  }
};

/// A lambda per head: `lambda` [output head].
template <key_heads Keys = key_heads::repeated, memory Where = memory::host>
struct difference_per_head : detail::two_maps<Keys> {
  static constexpr memory where = Where;
  template <memory Other>
  using in = difference_per_head<Keys, Other>;

  view<const float, 1, Where> lambda;

  constexpr explicit difference_per_head(view<const float, 1, Where> of_heads) : lambda(of_heads) {}

  template <memory Other, class F>
  constexpr in<Other> with_views(const F& f) const {
    return in<Other>(f(lambda));
  }

  void fits(const call_extents& call) const {
    byteloom::detail::require_fit("maps::difference_per_head", "heads of the output", lambda.extent[0],
                                  call.output_heads);
  }

  template <class Real>
  BYTELOOM_HD constexpr Real factor(int map, row at) const {
    return map == 0 ? Real(1) : -static_cast<Real>(lambda(at.query_head));
  }
};

/// What the paper's lambda starts from in layer `depth`, counted from 0.
inline float initial_lambda(int depth) {
  return static_cast<float>(0.8 - 0.6 * std::exp(-0.3 * static_cast<double>(depth)));
}

/// exp(q1 . k1) - exp(q2 . k2) + initial, of four learned vectors. Throws shape_error where they are not of
/// one length.
inline float lambda_of(std::span<const float> q1, std::span<const float> k1, std::span<const float> q2,
                       std::span<const float> k2, float initial) {
  for (const auto& other : {k1, q2, k2})
    if (other.size() != q1.size())
      throw shape_error("maps::lambda_of: vectors of " + std::to_string(q1.size()) + " and " +
                        std::to_string(other.size()) + " numbers; all four must have the size of a head.");
  double first = 0, second = 0;
  for (std::size_t i = 0; i < q1.size(); ++i) {
    first += static_cast<double>(q1[i]) * static_cast<double>(k1[i]);
    second += static_cast<double>(q2[i]) * static_cast<double>(k2[i]);
  }
  return static_cast<float>(std::exp(first) - std::exp(second) + static_cast<double>(initial));
}

}  // namespace byteloom::inline v0::maps
