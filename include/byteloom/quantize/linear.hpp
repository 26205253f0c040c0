// SPDX-License-Identifier: Apache-2.0
#pragma once

// quantize/linear: a matrix of weights in some format, with or without a bias. `linear<...>` is the policy
// that a model names; `weights<...>` is the view that operations read; `packed<...>` owns codes made from
// floats.

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "byteloom/core/error.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/quantize/format/dense.hpp"

namespace byteloom::inline v0 {

namespace detail {
template <class Format>
concept weight_format = requires(const std::byte* codes, const typename Format::scale* scales,
                                 float (&values)[8]) {
  { Format::row_codes(index{8}) } -> std::same_as<index>;
  { Format::row_scales(index{8}) } -> std::same_as<index>;
  { Format::locate(index{0}, index{0}, index{8}) } -> std::same_as<place>;
  Format::template decode<8>(codes, scales, index{0}, index{0}, index{8}, values);
  { Format::code_element } -> std::convertible_to<element>;
};
}  // namespace detail

/// y = W x (+ bias): W of `rows` outputs by `columns` inputs. Codes lie row after row as the format says;
/// scales of one row follow those of the row before; on the device both start at multiples of 16 bytes.
template <class Format, memory Where>
struct weights {
  static_assert(
      detail::weight_format<Format>,
      "byteloom: a weight format offers row_codes, row_scales, locate, decode<8> and code_element as "
      "format::int4 does.");
  using format = Format;

  const std::byte* codes = nullptr;
  const typename Format::scale* scales = nullptr;
  const float* bias = nullptr;  ///< `rows` numbers, or null where the layer has no bias
  index rows = 0;
  index columns = 0;

  template <int Run>
  BYTELOOM_HD void decode(index row, index column, float (&values)[Run]) const {
    Format::template decode<Run>(codes, scales, row, column, columns, values);
  }
};

/// How a model's linear layers are stored.
template <class Format, bool Bias = false>
struct linear {
  using format = Format;
  static constexpr bool has_bias = Bias;

  template <memory Where>
  using weights = byteloom::weights<Format, Where>;
};

/// Owned host weights in a format.
template <class Format>
struct packed {
  index rows = 0;
  index columns = 0;
  std::vector<std::byte> codes;
  std::vector<typename Format::scale> scales;

  weights<Format, memory::host> as_weights(const float* bias = nullptr) const {
    return {codes.data(), scales.data(), bias, rows, columns};
  }
};

/// Packs a row-major matrix. Throws shape_error where the columns do not fill the format's groups.
template <class Format>
packed<Format> pack(host_view<const float, 2> matrix) {
  const index rows = matrix.extent[0];
  const index columns = matrix.extent[1];
  if (columns % Format::columns_multiple != 0)
    throw shape_error("pack: " + std::to_string(columns) + " columns do not fill groups of " +
                      std::to_string(Format::columns_multiple) +
                      "; pad the matrix or choose a smaller group.");
  packed<Format> result{rows, columns, {}, {}};
  const index row_bytes = Format::row_codes(columns) * static_cast<index>(size_of(Format::code_element));
  result.codes.resize(static_cast<std::size_t>(rows * row_bytes));
  result.scales.resize(static_cast<std::size_t>(rows * Format::row_scales(columns)));
  std::vector<float> row(static_cast<std::size_t>(columns));
  for (index r = 0; r < rows; ++r) {
    for (index c = 0; c < columns; ++c) row[static_cast<std::size_t>(c)] = matrix(r, c);
    Format::encode(row, result.codes.data() + r * row_bytes,
                   result.scales.data() + r * Format::row_scales(columns));
  }
  return result;
}

/// The numbers that packed weights stand for, row-major.
template <class Format>
std::vector<float> unpack(const weights<Format, memory::host>& matrix) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(matrix.rows * matrix.columns));
  for (index r = 0; r < matrix.rows; ++r) {
    constexpr int run = Format::columns_multiple % 8 == 0 ? 8 : 1;
    float values[run];
    for (index c = 0; c < matrix.columns; c += run) {
      matrix.decode(r, c, values);
      result.insert(result.end(), values, values + run);
    }
  }
  return result;
}

}  // namespace byteloom::inline v0
