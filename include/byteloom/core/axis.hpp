// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/axis: the axes along which an attention is composed. A policy says on which one it sits by a member
// `using axis = byteloom::axis::score;`; the hooks that an axis asks for are written in that axis's header.

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::axis {

struct heads {};       ///< attend/heads.hpp: how many heads of which sizes; exactly one
struct position {};    ///< position/: what turns queries and keys; at most one
struct mask {};        ///< attend/mask/: which keys a query sees; several: all of them must agree
struct score {};       ///< attend/score/: what a raw dot product becomes; several: left to right
struct normalizer {};  ///< attend/normalizer/: how scores become weights; at most one
struct cache {};       ///< attend/cache/: how keys and values are kept; at most one

}  // namespace byteloom::inline v0::axis
