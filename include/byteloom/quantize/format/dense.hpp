// SPDX-License-Identifier: Apache-2.0
#pragma once

// quantize/format/dense: weights stored one element a number, row after row: float, f16, bf16 or fp8.
//
// A weight format says where the code of (row, column) lies, how a run of neighbouring codes of one row
// becomes floats, and how a row of floats becomes codes. That one index map serves the packer, the host and
// the device.

#include <cstddef>
#include <cstdint>
#include <span>

#include "byteloom/core/element.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/quantize/place.hpp"

namespace byteloom::inline v0::format {

template <class Element>
struct dense {
  static_assert(element_type<Element>,
                "byteloom: format::dense stores one of the element types of core/element.hpp; write "
                "format::dense<byteloom::bf16>, for example.");
  using scale = float;  ///< has none
  static constexpr element code_element = element_of<Element>;
  static constexpr int columns_multiple = 1;

  /// Codes of one row, in elements of `code_element` as files hold them.
  static constexpr index row_codes(index columns) { return columns; }
  static constexpr index row_scales(index) { return 0; }

  BYTELOOM_HD static constexpr place locate(index row, index column, index columns) {
    return {(row * columns + column) * static_cast<index>(sizeof(Element)), 0};
  }

  /// `Run` columns from `column` on, which is a multiple of Run as `columns` is.
  template <int Run>
  BYTELOOM_HD static void decode(const std::byte* codes, const scale*, index row, index column, index columns,
                                 float (&values)[Run]) {
    struct alignas(sizeof(Element) * Run > 16 ? 16 : sizeof(Element) * Run) word {
      Element element[Run];
    };
    const word loaded = detail::load<word>(codes + locate(row, column, columns).byte);
    for (int i = 0; i < Run; ++i) values[i] = static_cast<float>(loaded.element[i]);
  }

  /// Packs one row; `codes` points to the row's first code.
  static void encode(std::span<const float> row, std::byte* codes, scale*) {
    for (std::size_t i = 0; i < row.size(); ++i)
      detail::store(codes + i * sizeof(Element), static_cast<Element>(row[i]));
  }
};

}  // namespace byteloom::inline v0::format
