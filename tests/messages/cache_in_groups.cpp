// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: keys of a cache are attended to without groups; say the groups as a mask such as mask::documents.
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/host/attend.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::group::windows<8>> spec{bl::group::windows<8>({64})};

void call(bl::host_view<float, 4> x, bl::host_view<const int, 1> lengths) {
  bl::attend_cached(bl::host::here(), spec, x, x, x, lengths, x);
}
