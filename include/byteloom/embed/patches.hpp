// SPDX-License-Identifier: Apache-2.0
#pragma once

// embed/patches: patches of an image become vectors by one matrix, to which a learned vector for each place
// is added (Dosovitskiy et al., arXiv 2010.11929, without the class token). Which pixels form a patch is the
// tokenizer's say.

#include "byteloom/core/division.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/quantize/linear.hpp"

namespace byteloom::inline v0::embed {

/// The matrix [width, numbers of a patch] is stored as `Linear` says.
template <class Linear>
struct patches {
  using linear_type = Linear;

  template <memory Where>
  struct weights {
    typename Linear::template weights<Where> matrix;
    view<const float, 2, Where> position;  ///< [tokens of an image, width]
  };
};

/// Patches of images as the rows of a stage: row r is patch r % patches of image r / patches.
template <class Tokenizer, memory Where>
struct source {
  view<const float, 4, Where> images;  ///< [image, height, width, channels], contiguous
  Tokenizer tokenizer;

  BYTELOOM_HD float load(index row, index column) const {
    const index width = images.extent[2];
    const index patches = tokenizer.patch_rows(images.extent[1]) * tokenizer.patch_columns(width);
    const index offset = tokenizer.locate(remainder(row, patches), column, width, images.extent[3]);
    return images.data[quotient(row, patches) * images.stride[0] + offset];
  }
};

}  // namespace byteloom::inline v0::embed
