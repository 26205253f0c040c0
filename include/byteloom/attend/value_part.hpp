// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/value_part: an attention over a part of its values' dimensions, for kernels that cannot hold all of
// an output row: scores and weights are those of the whole.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/without_axis.hpp"
#include "byteloom/core/axis.hpp"

namespace byteloom::inline v0::detail {

template <int Part, int Query, int Key, int Size, int ValueSize>
constexpr heads<Query, Key, Size, Part> with_value_size(const heads<Query, Key, Size, ValueSize>& whole) {
  heads<Query, Key, Size, Part> result{};
  static_cast<query_extent<Query>&>(result) = whole;
  static_cast<key_extent<Key>&>(result) = whole;
  static_cast<size_extent<Size>&>(result) = whole;
  return result;
}

template <int Part, class Policy>
constexpr auto part_of(const Policy& policy) {
  if constexpr (on_axis<Policy, axis::heads>) {
    return detail::with_value_size<Part>(policy);
  } else {
    return policy;
  }
}

template <int Part, class... Policies, std::size_t... Index>
constexpr auto over_value_part_of(const attention<Policies...>& spec, std::index_sequence<Index...>) {
  return attention<decltype(detail::part_of<Part>(std::declval<const Policies&>()))...>{
      detail::part_of<Part>(spec.template get<Index>())...};
}

/// `spec` over `Part` dimensions of its values. Output policies would not see whole rows: there are none.
template <int Part, class... Policies>
requires(!attention<Policies...>::has_output_policy) constexpr auto over_value_part(
    const attention<Policies...>& spec) {
  return detail::over_value_part_of<Part>(spec, std::index_sequence_for<Policies...>{});
}

/// Calls f(attention, dimension) for each part of `Part` dimensions of the values, from the one at 0 on.
/// Observers, whose news are the same for every part, are told by the first.
template <int Part, attention_spec Spec, class F>
void for_each_value_part(const Spec& spec, const F& f) {
  f(detail::over_value_part<Part>(spec), 0);
  const auto later = detail::over_value_part<Part>(detail::without_axis<axis::observe>(spec));
  for (int first = Part; first < spec.heads().value_size; first += Part) f(later, first);
}

}  // namespace byteloom::inline v0::detail
