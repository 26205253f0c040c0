// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/cache/contiguous: keys and values of each sequence side by side in one buffer, of a capacity that is
// fixed when the buffer is made. Keys are stored as attention reads them: already turned by the position
// policy.

#include "byteloom/core/axis.hpp"
#include "byteloom/core/element.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::cache {

/// Stored as `Element` (f32, f16, bf16, ...), room for `Capacity` positions a sequence (dynamic: told when
/// made).
template <class Element = bf16, int Capacity = dynamic>
struct contiguous {
  using axis = axis::cache;
  using element = Element;
  static constexpr int capacity = Capacity;
  static_assert(
      element_type<Element>,
      "byteloom: a cache stores one of the element types of core/element.hpp (float, f16, bf16, fp8_e4m3, "
      "...); name one of them.");

  /// Elements of the keys (or of the values) of `layers` layers: [layer][batch][position][head][dimension].
  static constexpr index elements(index layers, index batch, index positions, index heads, index size) {
    return layers * batch * positions * heads * size;
  }

  /// The keys (or values) of one layer inside such a buffer, as attend reads them.
  template <memory Where>
  static constexpr view<Element, 4, Where> layer(Element* data, index which, index batch, index positions,
                                                 index heads, index size) {
    return {data + which * elements(1, batch, positions, heads, size), batch, positions, heads, size};
  }
};

}  // namespace byteloom::inline v0::cache
