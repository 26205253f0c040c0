// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a weight format offers row_codes, row_scales, locate, decode<8> and code_element as
#include "byteloom/quantize/linear.hpp"

struct no_format {
  using scale = float;
};

byteloom::weights<no_format, byteloom::memory::host> weights;
