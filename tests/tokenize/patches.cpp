// SPDX-License-Identifier: Apache-2.0

#include "byteloom/tokenize/patches.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace bl = byteloom;

namespace {

/// Compares locate with patches cut out by hand.
template <class Patches>
void check(const Patches& patches, bl::index height, bl::index width, bl::index channels) {
  bl::index patch = 0;
  for (bl::index y = 0; y + patches.height <= height; y += patches.stride_y)
    for (bl::index x = 0; x + patches.width <= width; x += patches.stride_x) {
      bl::index number = 0;
      for (bl::index py = 0; py < patches.height; ++py)
        for (bl::index px = 0; px < patches.width; ++px)
          for (bl::index c = 0; c < channels; ++c) {
            CHECK(patches.locate(patch, number, width, channels) ==
                  ((y + py) * width + x + px) * channels + c);
            ++number;
          }
      CHECK(number == patches.numbers(channels));
      ++patch;
    }
  CHECK(patch == patches.tokens(height, width));
}

}  // namespace

TEST_CASE("patches are rectangles of the image, row by row") {
  check(bl::tokenizer::patches<2, 2>{}, 8, 8, 1);
  check(bl::tokenizer::patches<4, 3, 2, 1>{}, 10, 7, 3);         // overlapping
  check(bl::tokenizer::patches<2, 2, 3, 5>{}, 11, 12, 4);        // with gaps
  check(bl::tokenizer::patches<1, 1>{}, 3, 5, 2);                // single pixels
  check(bl::tokenizer::patches<>{{3}, {2}, {3}, {2}}, 9, 8, 5);  // sizes at run time
  check(bl::tokenizer::patches<16, 16>{}, 16, 16, 3);            // the whole image
}

TEST_CASE("images that patches do not fit are refused by their numbers") {
  const bl::tokenizer::patches<4, 4> patches;
  CHECK_THROWS_WITH_AS(patches.tokens(3, 8),
                       "tokenizer::patches: the image's height of 3 pixels is below the patches' 4.",
                       bl::argument_error);
  CHECK_THROWS_WITH_AS(
      patches.tokens(8, 10),
      "tokenizer::patches: patches of 4 every 4 pixels leave a border of the image's width of 10; pad or "
      "crop the image.",
      bl::argument_error);
  CHECK_THROWS_AS((bl::tokenizer::patches<>{{2}, {2}, {0}, {1}}.tokens(8, 8)), bl::argument_error);
}
