// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: output::norm takes a norm of rows, such as norm::rms of compose/norm.hpp, as its
#include "byteloom/attend/output/norm.hpp"

constexpr auto size = sizeof(byteloom::output::norm<int>);
