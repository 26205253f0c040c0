// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/attend_needs: what a tile of attention on tensor cores has to hold, which is all that a tuning
// selector is told.

namespace byteloom::inline v0::cuda {

struct attend_needs {
  int size;        ///< dimensions of queries and keys
  int value_size;  ///< dimensions of values
  bool masked = false;
  int maps = 1;    ///< that share a value, each with accumulators of its own
  int passes = 1;  ///< over the keys; a second one weighs with more than a running maximum
};

namespace detail {
template <class Spec>
inline constexpr attend_needs needs_of{Spec::heads_type::constant_size, Spec::heads_type::constant_value_size,
                                       Spec::is_masked, Spec::map_count, Spec::passes};
}

}  // namespace byteloom::inline v0::cuda
