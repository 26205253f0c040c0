// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: output::gate has a logit per head or per number; write gate<3> for logits [batch,
#include "byteloom/attend/output/gate.hpp"

constexpr auto size = sizeof(byteloom::output::gate<2>);
