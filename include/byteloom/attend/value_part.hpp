// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/value_part: an attention over a part of its values' dimensions, for kernels that cannot hold all of
// an output row: scores and weights are those of the whole.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "byteloom/attend/attention.hpp"

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
/// Observers are told of a row once a part, the same each time.
template <int Part, class... Policies>
requires(!attention<Policies...>::has_output_policy) constexpr auto over_value_part(
    const attention<Policies...>& spec) {
  return detail::over_value_part_of<Part>(spec, std::index_sequence_for<Policies...>{});
}

}  // namespace byteloom::inline v0::detail
