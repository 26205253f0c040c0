// SPDX-License-Identifier: Apache-2.0
#pragma once

// position/sinusoidal: positions that are added to embeddings, as sines and cosines of falling frequency
// (Vaswani et al., arXiv 1706.03762). An absolute table, learned or this one, is a residual of the embedding
// stage (epilogue::plain) and no policy of attention.

#include "byteloom/core/math.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/position/rope.hpp"

namespace byteloom::inline v0::position {

/// Element `dimension` of the vector of `width` (even) numbers for a position: the sine and cosine of
/// place * base^(-2i/width) stand at the dimensions that the pairing gives to pair i: side by side in the
/// paper, all sines before all cosines in tensor2tensor and many others (half_split).
template <pairing Pairing = pairing::interleaved, class Real = float>
BYTELOOM_HD Real sinusoidal(index place, int dimension, int width, double base = 10000.0) {
  const bool split = Pairing == pairing::half_split;
  const int pair = split ? dimension % (width / 2) : dimension / 2;
  const bool cosine = split ? dimension >= width / 2 : dimension % 2 != 0;
  const auto turn =
      rotation_by<Real>(static_cast<double>(place), scaling::none{}.frequency(math::log(base), pair, width));
  return cosine ? turn.cosine : turn.sine;
}

/// Fills a table [position, width] on the host.
template <pairing Pairing = pairing::interleaved>
void fill_sinusoidal(const host_view<float, 2>& table, double base = 10000.0) {
  for (index place = 0; place < table.extent[0]; ++place)
    for (index i = 0; i < table.extent[1]; ++i)
      table(place, i) =
          sinusoidal<Pairing>(place, static_cast<int>(i), static_cast<int>(table.extent[1]), base);
}

}  // namespace byteloom::inline v0::position
