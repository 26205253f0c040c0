// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a generator needs attention that hides the future, and a block of this model hides nothing; add
#include "../../examples/english.hpp"
#include "byteloom/host/generator.hpp"

using blind = bl::attention<bl::heads<8, 2, 64>, bl::position::rope<>>;
using linear = bl::linear<bl::format::int4<64>>;
using model = bl::model<bl::tokenizer::bytes, bl::embed::table<bl::bf16>,
                        bl::repeat<2, bl::block<bl::norm::rms, blind, bl::feed::swiglu, linear>>,
                        bl::head::logits<bl::norm::rms, linear>>;

constexpr auto size = sizeof(bl::generator_on<bl::host::executor, model, bl::sample::chain<>>);
