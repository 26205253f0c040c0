// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/require: what path::sm90 cannot honour yet, said in a sentence each; path::sm80 honours all of it, and
// path::best takes it there. What the kernel has to call:
//
// - output policies: fragment::change_outputs on each finished row, before it is rounded;
// - maps: Spec::map_count states and accumulators a row, Spec::key_head in place of head / group,
//   fragment::visits_of_maps where maps share a walk over the keys, and fragment::weigh_map once each is
//   finished;
// - keys of another sequence: Spec::first_query(queries, keys) in place of keys - queries;
// - a normalizer that passes twice: score_rows' gather, between_passes and second.
//
// Spec::prepares needs no kernel: cuda/turn.cuh prepares queries and keys for all of them.

#include "byteloom/attend/attention.hpp"

namespace byteloom::inline v0::cuda::detail {

template <class Spec>
inline constexpr bool sm90_takes =
    !Spec::has_output_policy && Spec::map_count == 1 && !Spec::stands_apart && Spec::passes == 1;

/// Instantiated where path::sm90 is asked for.
template <class Spec>
struct require_sm90 {
  static_assert(!Spec::has_output_policy,
                "byteloom: this attention has output policies, which path::sm90 does not call so far; choose "
                "attend<path::sm80> or path::best.");
  static_assert(Spec::map_count == 1,
                "byteloom: this attention joins several maps over one value, which path::sm90 does not do so "
                "far; choose attend<path::sm80> or path::best.");
  static_assert(!Spec::stands_apart,
                "byteloom: this attention's keys are another sequence's, which path::sm90 does not allow so "
                "far; choose attend<path::sm80> or path::best.");
  static_assert(Spec::passes == 1,
                "byteloom: this normalizer passes over the keys twice, which path::sm90 does not do so far; "
                "choose attend<path::sm80> or path::best.");
  static constexpr bool met = sm90_takes<Spec>;
};

}  // namespace byteloom::inline v0::cuda::detail
