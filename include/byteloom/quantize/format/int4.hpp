// SPDX-License-Identifier: Apache-2.0
#pragma once

// quantize/format/int4: weights as 4-bit codes with one half-precision scale for each group of neighbouring
// columns of a row: value = (code - 8) * scale, code in [0, 15]. Two codes a byte, the even column in the low
// half. The scale is the group's largest magnitude / 7, so that zero and both signs of the largest value have
// codes.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "byteloom/core/element.hpp"
#include "byteloom/quantize/place.hpp"

namespace byteloom::inline v0::format {

template <int Group = 64>
struct int4 {
  static_assert(
      Group >= 8 && Group % 8 == 0,
      "byteloom: the groups of format::int4 are a multiple of 8 columns, so that a 32-bit word lies in one "
      "group; write format::int4<32>, <64> or <128>.");
  using scale = f16;
  static constexpr int group = Group;
  static constexpr element code_element = element::u8;
  static constexpr int columns_multiple = Group;

  static constexpr index row_codes(index columns) { return columns / 2; }
  static constexpr index row_scales(index columns) { return columns / Group; }

  BYTELOOM_HD static constexpr place locate(index row, index column, index columns) {
    return {(row * columns + column) / 2, column % 2 == 0 ? 0 : 4};
  }

  template <int Run>
  BYTELOOM_HD static void decode(const std::byte* codes, const scale* scales, index row, index column,
                                 index columns, float (&values)[Run]) {
    static_assert(
        Run % 8 == 0 && Group % Run == 0,
        "byteloom: format::int4 decodes multiples of 8 columns inside one group; call decode<8> or a "
        "multiple that divides the group.");
    struct alignas(Run / 2 > 16 ? 16 : Run / 2) word {
      std::uint8_t pair[Run / 2];
    };
    const word loaded = detail::load<word>(codes + locate(row, column, columns).byte);
    const float factor = static_cast<float>(scales[(row * columns + column) / Group]);
    for (int i = 0; i < Run / 2; ++i) {
      values[2 * i] = static_cast<float>((loaded.pair[i] & 15) - 8) * factor;
      values[2 * i + 1] = static_cast<float>((loaded.pair[i] >> 4) - 8) * factor;
    }
  }

  static void encode(std::span<const float> row, std::byte* codes, scale* scales) {
    for (std::size_t first = 0; first < row.size(); first += Group) {
      const auto values = row.subspan(first, Group);
      float largest = 0;
      for (float value : values) largest = std::max(largest, std::abs(value));
      const scale factor(largest / 7.0f);
      scales[first / Group] = factor;
      const auto code = [&](std::size_t i) {
        const float unit = static_cast<float>(factor);
        const float nearest = unit > 0 ? std::nearbyint(values[i] / unit) : 0.0f;
        return static_cast<unsigned>(static_cast<int>(std::clamp(nearest, -8.0f, 7.0f)) + 8);
      };
      for (std::size_t i = 0; i < Group; i += 2)
        codes[(first + i) / 2] = static_cast<std::byte>(code(i) | (code(i + 1) << 4));
    }
  }
};

}  // namespace byteloom::inline v0::format
