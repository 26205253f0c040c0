// SPDX-License-Identifier: Apache-2.0
#pragma once

// tests/load/allocation: the largest single allocation since a moment, so that tests can say that a hostile
// file costs no memory. allocation.cpp replaces the global operator new of the whole test program.

#include <cstddef>

namespace allocation {

void forget();          // starts anew
std::size_t largest();  // bytes

}  // namespace allocation
