// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/gather: the embedding lookup on the host.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {

/// out[i] = table[ids[i]]: table [vocabulary, width], out [ids, width]. Throws argument_error for an id
/// outside the table, before anything is written.
template <class Element>
void gather(host::executor, host_view<const Element, 2> table, host_view<const token, 1> ids,
            host_view<float, 2> out) {
  for (index i = 0; i < ids.extent[0]; ++i)
    if (ids(i) < 0 || ids(i) >= table.extent[0])
      throw argument_error("gather: token " + std::to_string(ids(i)) + " is outside the vocabulary of " +
                           std::to_string(table.extent[0]) + ".");
  for (index i = 0; i < ids.extent[0]; ++i)
    for (index c = 0; c < table.extent[1]; ++c) out(i, c) = static_cast<float>(table(ids(i), c));
}

}  // namespace byteloom::inline v0
