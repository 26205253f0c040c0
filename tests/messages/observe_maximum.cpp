// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: this attention observes the rows' maximum, and its normalizer keeps none; leave the
#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/normalizer/squared_relu.hpp"
#include "byteloom/attend/observe/row_maximum.hpp"

namespace bl = byteloom;

using spec_type =
    bl::attention<bl::heads<4, 2, 64>, bl::normalizer::squared_relu, bl::observe::row_maximum<>>;

constexpr auto size = sizeof(spec_type);
