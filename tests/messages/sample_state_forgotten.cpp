// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a policy of this composition has state and no default for it; give it to the
#include "byteloom/sample/chain.hpp"

byteloom::sample::chain<byteloom::sample::temperature> chain;
