// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: a classifier needs a model whose head is head::classes<...>; open a generator for
#include "../../examples/english.hpp"
#include "byteloom/host/generator.hpp"

using wrong = bl::classifier_on<bl::host::executor, english>;

constexpr auto size = sizeof(wrong);
