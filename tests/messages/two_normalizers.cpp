// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two normalizers, and scores become weights in one way only; keep one.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/mask/causal.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::normalizer::softmax, bl::normalizer::softmax> spec;
