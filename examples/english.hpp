// SPDX-License-Identifier: Apache-2.0
#pragma once

// The composition of examples/models/english.safetensors: a decoder that reads and writes English byte by byte.

#include <byteloom/attend/attention.hpp>
#include <byteloom/attend/mask/causal.hpp>
#include <byteloom/compose/model.hpp>
#include <byteloom/quantize/format/int4.hpp>
#include <byteloom/sample/chain.hpp>
#include <byteloom/tokenize/bytes.hpp>

namespace bl = byteloom;

// [readme:composition]
using english_attention = bl::attention<           // how queries attend:
    bl::heads<8, 2, 64>,                           //   8 query heads share 2 key-value heads of 64
    bl::position::rope<>,                          //   turned by their position
    bl::mask::causal,                              //   what came before, nothing else
    bl::cache::contiguous<bl::bf16>>;              //   keys and values kept as bf16

using english = bl::model<
    bl::tokenizer::bytes,                          // how bytes become tokens
    bl::embed::table<bl::bf16>,                    // how tokens become vectors
    bl::repeat<6, bl::block<                       // six layers
        bl::norm::rms,
        english_attention,
        bl::feed::swiglu,
        bl::linear<bl::format::int4<64>>>>,        // how numbers are stored: 4 bits in groups of 64
    bl::head::logits<bl::norm::rms, bl::linear<bl::format::dense<bl::bf16>>>>;

using english_sampler = bl::sample::chain<         // how the next byte is drawn
    bl::sample::temperature, bl::sample::top_k, bl::sample::top_p>;
// [readme:composition]

/// The two tokens beside the 256 bytes.
inline english make_english() {
  english model;
  model.tokenizer = bl::tokenizer::bytes({"<|begin|>", "<|end|>"});
  return model;
}
