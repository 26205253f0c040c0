// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy that prepares queries and keys offers state<Real>, add, merge, query(state, x,
#include "byteloom/attend/attention.hpp"

namespace bl = byteloom;

struct prepares_queries {
  using axis = bl::axis::prepare;
  template <class Real>
  struct state {};
  template <class Real>
  BYTELOOM_HD void add(state<Real>&, Real) const {}
  template <class Real>
  BYTELOOM_HD void merge(state<Real>&, const state<Real>&) const {}
  template <class Real>
  BYTELOOM_HD Real query(const state<Real>&, Real x, int, int) const {
    return x;
  }
};

bl::attention<bl::heads<4, 2, 64>, prepares_queries> spec;
