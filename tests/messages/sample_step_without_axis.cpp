// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: every argument of sample::chain<...> is a step; add
#include "byteloom/sample/chain.hpp"

struct forgets_axis {
  template <class Candidates>
  BYTELOOM_HD void operator()(Candidates& candidates) const {
    candidates.scale(2.0f);
  }
};

byteloom::sample::chain<forgets_axis> chain;
