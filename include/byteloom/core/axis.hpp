// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/axis: the axes along which an attention and a sampler are composed. A policy says on which one it sits
// by a member `using axis = byteloom::axis::score;`; the hooks that an axis asks for are written in that
// axis's header.

#include <type_traits>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::axis {

struct heads {};  ///< attend/heads.hpp: how many heads of which sizes; exactly one
struct prepare {
};  ///< attend/prepare/: what happens to rows of queries and keys before they turn; at most one
struct position {};    ///< position/: what turns queries and keys; at most one
struct keys {};        ///< attend/keys/: whose keys these are, so where the queries stand; at most one
struct group {};       ///< attend/group/: which tokens form a problem of their own; at most one
struct mask {};        ///< attend/mask/: which keys a query sees; several: all of them must agree
struct scales {};      ///< attend/scales/: what stored numbers are multiplied by; at most one
struct score {};       ///< attend/score/: what a raw dot product becomes; several: left to right
struct normalizer {};  ///< attend/normalizer/: how scores become weights; at most one
struct maps {};        ///< attend/maps/: several maps of attention over the same values; at most one
struct output {};      ///< attend/output/: what a row of the output becomes; several: left to right
struct cache {};       ///< attend/cache/: how keys and values are kept; at most one
struct observe {};     ///< attend/observe/: what else comes out; several: each is told
struct sampler {};     ///< sample/: steps between logits and the drawn token; several: left to right

}  // namespace byteloom::inline v0::axis

namespace byteloom::inline v0::detail {

template <class Policy>
concept names_axis = requires {
  typename Policy::axis;
};

template <class Policy, class Axis>
inline constexpr bool on_axis = false;
template <names_axis Policy, class Axis>
inline constexpr bool on_axis<Policy, Axis> = std::is_same_v<typename Policy::axis, Axis>;

}  // namespace byteloom::inline v0::detail
