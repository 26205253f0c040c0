// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/scales/per_tensor: what stored numbers of queries, keys and values are multiplied by, one factor for
// all of a tensor.
//
// A policy of scales stands beside elements of few bits, such as fp8_e4m3, whose numbers were divided before
// they were rounded: query(batch, head, row of the call), key(batch, key head, key) and value(batch, value
// head, key) give the factors that undo it. A score sees the dot product times the factors of its query and
// its key, before anything else; a value counts times its own. Factors are not negative. queries_a_scale and
// keys_a_scale say how many neighbours share one, from the first row of the call and from the first key on;
// 0: all of them.

#include <cmath>
#include <initializer_list>
#include <string>

#include "byteloom/core/axis.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::scales {

struct per_tensor {
  using axis = axis::scales;
  static constexpr int queries_a_scale = 0;
  static constexpr int keys_a_scale = 0;

  float q = 1.0f;
  float k = 1.0f;
  float v = 1.0f;

  template <class Real>
  BYTELOOM_HD constexpr Real query(int, int, index) const {
    return static_cast<Real>(q);
  }
  template <class Real>
  BYTELOOM_HD constexpr Real key(int, int, index) const {
    return static_cast<Real>(k);
  }
  template <class Real>
  BYTELOOM_HD constexpr Real value(int, int, index) const {
    return static_cast<Real>(v);
  }

  void validate() const {
    for (const float factor : {q, k, v})
      if (!(factor >= 0) || !std::isfinite(factor))
        throw argument_error("scales::per_tensor: " + std::to_string(factor) +
                             " is no scale; give a finite number that is not negative.");
  }
};

}  // namespace byteloom::inline v0::scales
