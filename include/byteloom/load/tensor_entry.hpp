// SPDX-License-Identifier: Apache-2.0
#pragma once

// load/tensor_entry: what a file says of one of its tensors, whatever the format of the file.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "byteloom/core/element.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// A named tensor of a file: row-major, little-endian, any rank (an empty shape is one number).
struct tensor_entry {
  std::string name;
  element type{};
  std::vector<index> shape;
  std::uint64_t begin = 0;           ///< first byte, counted from the start of the file's data
  std::uint64_t end = 0;             ///< one past the last byte, counted likewise
  std::span<const std::byte> bytes;  ///< the data itself; lives as long as what the file was opened from
};

}  // namespace byteloom::inline v0
