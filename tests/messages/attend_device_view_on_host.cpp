// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the host reads host memory, and this attend got a view of device memory; copy the data to
#include "byteloom/host/attend.hpp"

namespace bl = byteloom;

void call(bl::host_view<float, 4> x, bl::device_view<float, 4> far) {
  bl::attend(bl::host::here(), bl::attention<bl::heads<4, 4, 64>>{}, x, far, x, x);
}
