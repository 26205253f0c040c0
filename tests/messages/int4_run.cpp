// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: format::int4 decodes multiples of 8 columns inside one group; call decode<8> or a
#include "byteloom/quantize/format/int4.hpp"

using format = byteloom::format::int4<32>;

void decode(const std::byte* codes, const format::scale* scales) {
  float values[64];
  format::decode(codes, scales, 0, 0, 64, values);
}
