// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two policies that prepare queries and keys, which happens once;
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/prepare/norm.hpp"
#include "byteloom/compose/norm.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::prepare::norm<bl::norm::rms>, bl::prepare::norm<bl::norm::l2>> spec;
