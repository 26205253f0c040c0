// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a cache stores one of the element types of core/element.hpp (float, f16, bf16, fp8_e4m3,
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::cache::contiguous<char*>> spec;
