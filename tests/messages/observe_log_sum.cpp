// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention observes the log-sum-exp, and its normalizer divides by no sum; leave the
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/normalizer/sigmoid.hpp"
#include "byteloom/attend/observe/log_sum_exp.hpp"

namespace bl = byteloom;

using spec_type = bl::attention<bl::heads<4, 2, 64>, bl::normalizer::sigmoid, bl::observe::log_sum_exp<>>;

constexpr auto size = sizeof(spec_type);
