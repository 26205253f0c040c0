// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: ragged sequences are attended without groups; lay them end to end as one sequence with
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/host/attend_ragged.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::group::windows<8>> spec{bl::group::windows<8>({64})};

void call(bl::host_view<float, 3> x, const bl::ragged<bl::memory::host>& sequences) {
  bl::attend(bl::host::here(), spec, x, x, x, sequences, x);
}
