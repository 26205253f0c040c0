// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: every argument of sample::chain<...> is a step; add
#include "byteloom/sample/chain.hpp"

struct not_a_step {
  using axis = int;
};

byteloom::sample::chain<not_a_step> chain;
