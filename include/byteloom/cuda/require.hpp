// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/require: what the kernels on tensor cores cannot honour yet, said in a sentence each. A kernel that
// learns to call one of these hooks takes its sentence out:
//
// - output policies: Spec::output(row_of_call, row, for_each, join) on each finished row, before it is
// rounded;
// - maps: Spec::map_count states and accumulators a row, joined by Spec::map_factor once each is finished,
// and
//   Spec::key_head in place of head / group;
// - keys of another sequence: Spec::first_query(queries, keys) in place of keys - queries.
//
// Spec::prepares needs no kernel: cuda/turn.cuh prepares queries and keys for all of them.

#include "byteloom/attend/attention.hpp"

namespace byteloom::inline v0::cuda::detail {

/// What no kernel on tensor cores honours.
template <class Spec>
struct require_joined_once {
  static_assert(!Spec::has_output_policy,
                "byteloom: this attention has output policies, which path::simt alone calls so far; choose "
                "attend<path::simt>.");
  static_assert(
      Spec::map_count == 1,
      "byteloom: this attention joins several maps over one value, which path::simt alone does so far; "
      "choose attend<path::simt>.");
  static_assert(
      !Spec::stands_apart,
      "byteloom: this attention's keys are another sequence's, which path::simt alone allows so far; "
      "choose attend<path::simt>.");
  static constexpr bool met = !Spec::has_output_policy && Spec::map_count == 1 && !Spec::stands_apart;
};

/// The same, and what kernels for 16-bit elements do not.
template <class Spec>
struct require_tensor_map {
  static_assert(!Spec::has_scales,
                "byteloom: this attention has scales, which on tensor cores fp8_e4m3 alone has; multiply "
                "bf16 and f16 by "
                "them beforehand and leave the policy out, or choose attend<path::simt>.");
  static constexpr bool met = !Spec::has_scales && require_joined_once<Spec>::met;
};

}  // namespace byteloom::inline v0::cuda::detail
