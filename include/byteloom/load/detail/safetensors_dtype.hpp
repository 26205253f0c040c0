// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/detail/safetensors_dtype: the names that safetensors files give to element types.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "byteloom/core/element.hpp"

namespace byteloom::inline v0::detail {

/// Limits and names of the format: https://github.com/huggingface/safetensors, README.md and
/// safetensors/src/tensor.rs.
inline constexpr std::size_t safetensors_largest_header = 100'000'000;
inline constexpr std::string_view safetensors_metadata_key = "__metadata__";

struct safetensors_dtype {
  std::string_view name;
  element type;
};

inline constexpr std::array<safetensors_dtype, 15> safetensors_dtypes{{{"F64", element::f64},
                                                                       {"F32", element::f32},
                                                                       {"F16", element::f16},
                                                                       {"BF16", element::bf16},
                                                                       {"F8_E4M3", element::fp8_e4m3},
                                                                       {"F8_E5M2", element::fp8_e5m2},
                                                                       {"I64", element::i64},
                                                                       {"I32", element::i32},
                                                                       {"I16", element::i16},
                                                                       {"I8", element::i8},
                                                                       {"U64", element::u64},
                                                                       {"U32", element::u32},
                                                                       {"U16", element::u16},
                                                                       {"U8", element::u8},
                                                                       {"BOOL", element::boolean}}};

/// Names that the format defines and for which byteloom has no element type.
inline constexpr std::array<std::string_view, 7> safetensors_foreign_dtypes{
    "F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "C64"};

inline std::optional<element> element_of_safetensors(std::string_view name) {
  for (const auto& known : safetensors_dtypes) {
    if (known.name == name) return known.type;
  }
  return std::nullopt;
}

inline std::string_view safetensors_name_of(element type) {
  const auto found = std::find_if(safetensors_dtypes.begin(), safetensors_dtypes.end(),
                                  [type](const auto& known) { return known.type == type; });
  return found->name;
}

inline bool is_foreign_safetensors_dtype(std::string_view name) {
  return std::find(safetensors_foreign_dtypes.begin(), safetensors_foreign_dtypes.end(), name) !=
         safetensors_foreign_dtypes.end();
}

/// "F64, F32, ..., BOOL", for messages.
inline std::string known_safetensors_dtypes() {
  std::string list;
  for (const auto& known : safetensors_dtypes) {
    if (!list.empty()) list += ", ";
    list += known.name;
  }
  return list;
}

}  // namespace byteloom::inline v0::detail
