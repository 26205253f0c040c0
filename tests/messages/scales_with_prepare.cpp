// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has scales and prepares queries and keys, and what prepares them sees numbers without their scales; prepare them before they are quantised, and leave the policy out here.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/scales/per_tensor.hpp"

namespace bl = byteloom;

struct halved {
  using axis = bl::axis::prepare;
  template <class Real>
  struct state {};
  template <class Real>
  BYTELOOM_HD void add(state<Real>&, Real) const {}
  template <class Real>
  BYTELOOM_HD void merge(state<Real>&, const state<Real>&) const {}
  template <class Real>
  BYTELOOM_HD Real query(const state<Real>&, Real x, int, int) const {
    return x / 2;
  }
  template <class Real>
  BYTELOOM_HD Real key(const state<Real>&, Real x, int, int) const {
    return x / 2;
  }
};

bl::attention<bl::heads<4, 2, 64>, halved, bl::scales::per_tensor> spec;
