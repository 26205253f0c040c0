// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/detail/nearest: which tensors a mistyped name may have meant. Names of tensors are dotted paths, so
// that what two of them share at the start and at the end says more than an edit distance, and costs one
// pass.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "byteloom/load/detail/printable.hpp"
#include "byteloom/load/tensor_entry.hpp"

namespace byteloom::inline v0::detail {

/// Length of the common start plus length of the common end, which do not overlap.
inline std::size_t likeness(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t head = 0;
  while (head < shorter && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  return head + tail;
}

/// Up to three names, the most similar first, as "'a', 'b', 'c'"; empty where nothing is similar.
inline std::string nearest_names(std::span<const tensor_entry> entries, std::string_view name) {
  struct candidate {
    std::size_t score = 0;
    const tensor_entry* entry = nullptr;
  };
  std::array<candidate, 3> best{};
  for (const tensor_entry& entry : entries) {
    candidate next{likeness(entry.name, name), &entry};
    for (candidate& place : best) {
      // Among equals the shorter name differs less; among those the first in the file stands.
      const bool better = next.score > place.score ||
                          (next.score == place.score && place.entry != nullptr && next.entry != nullptr &&
                           next.entry->name.size() < place.entry->name.size());
      if (next.score > 0 && better) std::swap(next, place);
    }
  }
  std::string list;
  for (const candidate& place : best) {
    if (place.entry == nullptr) continue;
    if (!list.empty()) list += ", ";
    list += "'" + printable(place.entry->name) + "'";
  }
  return list;
}

}  // namespace byteloom::inline v0::detail
