// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a generator needs a model whose head is head::logits<...>; open a classifier for
#include "../../examples/digits.hpp"
#include "byteloom/host/generator.hpp"

using wrong = bl::generator_on<bl::host::executor, digits, bl::sample::chain<>>;

constexpr auto size = sizeof(wrong);
