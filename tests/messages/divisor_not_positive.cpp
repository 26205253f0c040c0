// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a size that is part of a type divides positions, so it is a positive number; write dynamic for one that is given at run time.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/block_causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::mask::block_causal<0>> spec;
