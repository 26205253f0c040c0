// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/without_axis: an attention without its policies of one axis, for kernels that do in another way, or
// elsewhere, what they say.

#include <cstddef>
#include <utility>

#include "byteloom/attend/attention.hpp"

namespace byteloom::inline v0::detail {

template <std::size_t Without, class... Policies, std::size_t... Index>
constexpr auto all_but(const attention<Policies...>& spec, std::index_sequence<Index...>) {
  return attention<typename type_at<(Index < Without ? Index : Index + 1), Policies...>::type...>{
      spec.template get<(Index < Without ? Index : Index + 1)>()...};
}

/// The attention without its policies of `Axis`, however many; itself where it has none.
template <class Axis, class... Policies>
constexpr auto without_axis(const attention<Policies...>& spec) {
  if constexpr (number_on_axis<Axis, Policies...> == 0) {
    return spec;
  } else {
    return detail::without_axis<Axis>(detail::all_but<index_on_axis<Axis, Policies...>>(
        spec, std::make_index_sequence<sizeof...(Policies) - 1>{}));
  }
}

}  // namespace byteloom::inline v0::detail
