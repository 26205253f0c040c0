// SPDX-License-Identifier: Apache-2.0
#pragma once

// The composition of examples/models/digits.safetensors: a transformer over 2 x 2 patches of 8 x 8 images of digits.

#include <byteloom/attend/attention.hpp>
#include <byteloom/compose/model.hpp>
#include <byteloom/tokenize/patches.hpp>

namespace bl = byteloom;

using digits_linear = bl::linear<bl::format::dense<bl::bf16>, true>;

using digits = bl::model<
    bl::tokenizer::patches<2, 2>,
    bl::embed::patches<digits_linear>,
    bl::repeat<3, bl::block<
        bl::norm::layer,
        bl::attention<bl::heads<4, 4, 16>, bl::cache::contiguous<float>>,
        bl::feed::gelu,
        digits_linear>>,
    bl::head::classes<bl::norm::layer, digits_linear>>;
