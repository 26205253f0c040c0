// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention has two policies of scales, and a number has one scale; keep one.
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/scales/per_tensor.hpp"

namespace bl = byteloom;

bl::attention<bl::heads<4, 2, 64>, bl::scales::per_tensor, bl::scales::per_tensor> spec;
