// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: an extent that is part of a type is a positive number; write dynamic for one
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 0>> spec;
