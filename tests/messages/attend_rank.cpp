// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attend(executor, spec, q, k, v, out) takes views of rank 4 as q, k, v and out:
#include "byteloom/host/attend.hpp"

namespace bl = byteloom;

void call(bl::host_view<float, 4> x, bl::host_view<float, 3> flat) {
  bl::attend(bl::host::here(), bl::attention<bl::heads<4, 4, 64>>{}, flat, x, x, x);
}
