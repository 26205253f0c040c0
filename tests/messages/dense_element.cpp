// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: format::dense stores one of the element types of core/element.hpp; write
#include "byteloom/quantize/format/dense.hpp"

static_assert(byteloom::format::dense<char*>::columns_multiple == 1);
