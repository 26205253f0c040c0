// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two caches, and keys are kept in one way only; keep one.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::cache::contiguous<float>, bl::cache::contiguous<bl::bf16>> spec;
