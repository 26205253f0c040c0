// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: the pattern of tokenizer::bpe says where pieces end, 'static std::size_t end_of_piece(std::string_view text, std::size_t begin)'; choose one of tokenizer::pattern, or write it.
#include "byteloom/tokenize/bpe.hpp"

struct no_pattern {};

std::size_t call(const byteloom::tokenizer::bpe<no_pattern>& tokenizer) { return sizeof tokenizer; }
