// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the first argument of model<tokenizer, embedding, stack, head> is a tokenizer, such as
#include "../../examples/english.hpp"

using attention = bl::attention<bl::heads<8, 2, 64>, bl::mask::causal>;
using linear = bl::linear<bl::format::int4<64>>;
using block = bl::block<bl::norm::rms, attention, bl::feed::swiglu, linear>;

bl::model<bl::norm::rms, bl::embed::table<bl::bf16>, bl::repeat<2, block>,
          bl::head::logits<bl::norm::rms, linear>>
    model;
