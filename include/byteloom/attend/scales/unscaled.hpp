// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/scales/unscaled: an attention apart from its scales, for kernels that multiply whole tiles by them.

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/without_axis.hpp"

namespace byteloom::inline v0::detail {

/// In place of a policy of scales: every factor is 1, and nothing is multiplied.
struct no_scales {
  static constexpr int queries_a_scale = 0;
  static constexpr int keys_a_scale = 0;
};

/// The attention without its policy of scales; itself where it has none.
template <attention_spec Spec>
constexpr auto unscaled(const Spec& spec) {
  if constexpr (Spec::has_scales) {
    return detail::without_axis<axis::scales>(spec);
  } else {
    return spec;
  }
}

/// Its policy of scales, or no_scales.
template <attention_spec Spec>
constexpr auto scales_of(const Spec& spec) {
  if constexpr (Spec::has_scales) {
    return spec.scales();
  } else {
    return no_scales{};
  }
}

}  // namespace byteloom::inline v0::detail
