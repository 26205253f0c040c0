// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: attend(executor, spec, q, k, v, sequences, out) takes views of rank 3 as q, k, v and out: view<element, 3, memory>(pointer, rows, heads, size).
#include "byteloom/host/attend_ragged.hpp"

namespace bl = byteloom;

void call(bl::host_view<const float, 4> x, bl::ragged<bl::memory::host> sequences,
          bl::host_view<float, 4> out) {
  bl::attend(bl::host::here(), bl::attention<bl::heads<2, 2, 64>>{}, x, x, x, sequences, out);
}
