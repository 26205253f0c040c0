// SPDX-License-Identifier: Apache-2.0
#pragma once

// tokenize/patches: an image becomes a sequence of patches, row by row, each the numbers of a small rectangle
// in the order (y, x, channel). Patches may overlap (a stride below their size) or leave gaps (a stride above
// it); they may not drop a border silently.

#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/extent.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::tokenizer {

namespace detail {
BYTELOOM_EXTENT(height)
BYTELOOM_EXTENT(width)
BYTELOOM_EXTENT(stride_y)
BYTELOOM_EXTENT(stride_x)
}  // namespace detail

/// Sizes in pixels; each is a constant or dynamic. Images have any number of channels, channels last.
template <int Height = dynamic, int Width = Height, int StrideY = Height, int StrideX = Width>
struct patches : detail::height_extent<Height>,
                 detail::width_extent<Width>,
                 detail::stride_y_extent<StrideY>,
                 detail::stride_x_extent<StrideX> {
  /// Patches below each other in an image of that height, and beside each other in one of that width.
  BYTELOOM_HD constexpr index patch_rows(index image_height) const {
    return (image_height - this->height) / this->stride_y + 1;
  }
  BYTELOOM_HD constexpr index patch_columns(index image_width) const {
    return (image_width - this->width) / this->stride_x + 1;
  }

  /// Numbers of one patch.
  BYTELOOM_HD constexpr index numbers(index channels) const {
    return index{this->height} * this->width * channels;
  }

  /// Patches of an image. Throws argument_error where the image is smaller than a patch or patches would
  /// leave a border.
  index tokens(index image_height, index image_width) const {
    require("height", image_height, this->height, this->stride_y);
    require("width", image_width, this->width, this->stride_x);
    return patch_rows(image_height) * patch_columns(image_width);
  }

  /// Where number `number` of patch `patch` stands in an image of that width and as many channels, counted in
  /// numbers from its first.
  BYTELOOM_HD constexpr index locate(index patch, index number, index image_width, index channels) const {
    const index across = patch_columns(image_width);
    const index pixel = number / channels;
    const index y = patch / across * this->stride_y + pixel / this->width;
    const index x = patch % across * this->stride_x + pixel % this->width;
    return (y * image_width + x) * channels + number % channels;
  }

 private:
  static void require(const char* which, index image, index patch, index stride) {
    if (patch < 1 || stride < 1)
      throw argument_error(std::string("tokenizer::patches: the patches' ") + which +
                           " and stride must be positive.");
    if (image < patch)
      throw argument_error(std::string("tokenizer::patches: the image's ") + which + " of " +
                           std::to_string(image) + " pixels is below the patches' " + std::to_string(patch) +
                           ".");
    if ((image - patch) % stride != 0)
      throw argument_error(std::string("tokenizer::patches: patches of ") + std::to_string(patch) +
                           " every " + std::to_string(stride) + " pixels leave a border of the image's " +
                           which + " of " + std::to_string(image) + "; pad or crop the image.");
  }
};

}  // namespace byteloom::inline v0::tokenizer
