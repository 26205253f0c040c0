// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two policies of keys, and its queries stand in one place only;
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/keys/apart.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::keys::apart, bl::keys::apart> spec;
