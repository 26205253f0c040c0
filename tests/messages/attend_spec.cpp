// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attend(executor, spec, q, k, v, out) takes an attention<...>, or a struct that derives
// from
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/host/attend.hpp"

namespace bl = byteloom;

void call(bl::host_view<float, 4> x) { bl::attend(bl::host::here(), bl::mask::causal{}, x, x, x, x); }
