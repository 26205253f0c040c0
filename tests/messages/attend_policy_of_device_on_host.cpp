// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the host reads host memory, and a policy of this attention holds a view of device
#include "byteloom/attend/score/key_bias.hpp"
#include "byteloom/host/attend.hpp"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 4, 64>, bl::score::key_bias<bl::memory::device>>;

void call(const spec_type& spec, bl::host_view<float, 4> x) {
  bl::attend(bl::host::here(), spec, x, x, x, x);
}
