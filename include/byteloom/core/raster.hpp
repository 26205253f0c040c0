// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/raster: the extents of an image or a video as tokens see it, and the way from a token's place in the
// sequence (row-major, last axis fastest) to its coordinates.

#include <string>

#include "byteloom/core/config.hpp"
#include "byteloom/core/division.hpp"
#include "byteloom/core/error.hpp"

namespace byteloom::inline v0 {

template <int Axes>
struct raster {
  static_assert(Axes >= 1 && Axes <= 3,
                "byteloom: tokens stand on a grid of 1, 2 or 3 axes; write one of these numbers.");

  int extent[Axes];  ///< slowest axis first

  /// Coordinate along `axis` of the token at place `token`.
  BYTELOOM_HD constexpr int coordinate(int token, int axis) const {
    int result = token;
    for (int a = Axes - 1; a > 0; --a) {  // written so that a constant axis leaves no loop
      const int outer = static_cast<int>(quotient(result, extent[a]));
      if (a == axis) return result - outer * extent[a];
      result = outer;
    }
    return result;
  }

  void validate(const char* policy) const {
    for (const int own : extent)
      if (own < 1)
        throw argument_error(std::string(policy) + ": a grid of " + std::to_string(own) +
                             " tokens along an axis holds none; give at least 1.");
  }
};

}  // namespace byteloom::inline v0
