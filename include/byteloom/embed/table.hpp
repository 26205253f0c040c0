// SPDX-License-Identifier: Apache-2.0
#pragma once

// embed/table: tokens become vectors by looking up rows of a table.

#include "byteloom/core/element.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::embed {

/// A table [vocabulary, width] stored as `Element`.
template <class Element = bf16>
struct table {
  static_assert(element_type<Element>,
                "byteloom: embed::table stores one of the element types of core/element.hpp; write "
                "embed::table<byteloom::bf16>, for example.");
  using element = Element;

  template <memory Where>
  using weights = view<const Element, 2, Where>;  ///< [vocabulary, width]
};

}  // namespace byteloom::inline v0::embed
