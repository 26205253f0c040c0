// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/scales/unscaled: an attention apart from its scales, for kernels that multiply whole tiles by them.

#include <cstddef>
#include <utility>

#include "byteloom/attend/attention.hpp"

namespace byteloom::inline v0::detail {

/// In place of a policy of scales: every factor is 1, and nothing is multiplied.
struct no_scales {
  static constexpr int queries_a_scale = 0;
  static constexpr int keys_a_scale = 0;
};

template <std::size_t Without, class... Policies, std::size_t... Index>
constexpr auto all_but(const attention<Policies...>& spec, std::index_sequence<Index...>) {
  return attention<typename type_at<(Index < Without ? Index : Index + 1), Policies...>::type...>{
      spec.template get<(Index < Without ? Index : Index + 1)>()...};
}

template <class... Policies>
constexpr auto unscaled_of(const attention<Policies...>& spec) {
  return detail::all_but<index_on_axis<axis::scales, Policies...>>(
      spec, std::make_index_sequence<sizeof...(Policies) - 1>{});
}

/// The attention without its policy of scales; itself where it has none.
template <attention_spec Spec>
constexpr auto unscaled(const Spec& spec) {
  if constexpr (Spec::has_scales) {
    return detail::unscaled_of(spec);
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
