// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/token: what a model reads and writes.

#include <cstdint>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// A token's number in its vocabulary. -1 stands for none.
using token = std::int32_t;

}  // namespace byteloom::inline v0
