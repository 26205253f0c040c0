// SPDX-License-Identifier: Apache-2.0
#pragma once

// quantize/format/int8: weights as signed bytes with one scale a row: value = code * scale, code in [-127,
// 127], scale = the row's largest magnitude / 127 (symmetric per-channel quantisation, Jacob et al., arXiv
// 1712.05877).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "byteloom/core/element.hpp"
#include "byteloom/quantize/place.hpp"

namespace byteloom::inline v0::format {

struct int8 {
  using scale = float;
  static constexpr element code_element = element::i8;
  static constexpr int columns_multiple = 1;

  static constexpr index row_codes(index columns) { return columns; }
  static constexpr index row_scales(index) { return 1; }

  BYTELOOM_HD static constexpr place locate(index row, index column, index columns) {
    return {row * columns + column, 0};
  }

  template <int Run>
  BYTELOOM_HD static void decode(const std::byte* codes, const scale* scales, index row, index column,
                                 index columns, float (&values)[Run]) {
    struct alignas(Run) word {
      std::int8_t code[Run];
    };
    const word loaded = detail::load<word>(codes + locate(row, column, columns).byte);
    const float factor = scales[row];
    for (int i = 0; i < Run; ++i) values[i] = static_cast<float>(loaded.code[i]) * factor;
  }

  static void encode(std::span<const float> row, std::byte* codes, scale* scales) {
    float largest = 0;
    for (float value : row) largest = std::max(largest, std::abs(value));
    const float factor = largest / 127.0f;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const float code = factor > 0 ? std::nearbyint(row[i] / factor) : 0.0f;
      codes[i] = static_cast<std::byte>(static_cast<std::int8_t>(std::clamp(code, -127.0f, 127.0f)));
    }
    *scales = factor;
  }
};

}  // namespace byteloom::inline v0::format
