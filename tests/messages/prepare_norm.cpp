// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: prepare::norm takes a norm of rows, such as norm::rms of compose/norm.hpp, as its
#include "byteloom/attend/prepare/norm.hpp"

constexpr auto size = sizeof(byteloom::prepare::norm<int>);
