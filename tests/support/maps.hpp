// SPDX-License-Identifier: Apache-2.0
#pragma once

// Convolutions over maps of cells, written down once more in double precision, and images as rows of pixels.

#include <cstddef>
#include <random>
#include <vector>

#include "support/rows.hpp"
#include "support/tensor.hpp"

namespace test {

/// A square filter's side and stride, and the zeros in front of and behind each axis.
struct filter_shape {
  int side, stride, before, behind;

  int outputs(int cells) const { return (cells + before + behind - side) / stride + 1; }
};

/// Calls f(output row, y and x in the filter, row of the input) for each cell of maps that a filter covers.
template <class F>
void for_each_covered(int cells, int height, int width, const filter_shape& by, const F& f) {
  int output = 0;
  for (int map = 0; map < cells; map += height * width)
    for (int oy = 0; oy < by.outputs(height); ++oy)
      for (int ox = 0; ox < by.outputs(width); ++ox, ++output)
        for (int ky = 0; ky < by.side; ++ky)
          for (int kx = 0; kx < by.side; ++kx) {
            const int y = oy * by.stride + ky - by.before, x = ox * by.stride + kx - by.before;
            if (y >= 0 && y < height && x >= 0 && x < width)
              f(static_cast<std::size_t>(output), ky, kx, static_cast<std::size_t>(map + y * width + x));
          }
}

inline std::size_t outputs_of(const rows& x, int height, int width, const filter_shape& by) {
  return x.size() / static_cast<std::size_t>(height * width) *
         static_cast<std::size_t>(by.outputs(height) * by.outputs(width));
}

/// A convolution of maps whose filters are the rows of a matrix, their numbers in the order (y, x, channel).
inline rows convolved(const rows& x, int height, int width, const filter_shape& by, const dense& filters,
                      bool biased) {
  const std::size_t channels = x[0].size(), side = static_cast<std::size_t>(by.side);
  rows laid(outputs_of(x, height, width, by), vector(side * side * channels));
  for_each_covered(static_cast<int>(x.size()), height, width, by,
                   [&](std::size_t output, int ky, int kx, std::size_t cell) {
                     const std::size_t first = static_cast<std::size_t>(ky * by.side + kx) * channels;
                     for (std::size_t c = 0; c < channels; ++c) laid[output][first + c] = x[cell][c];
                   });
  return linear(filters, laid, biased);
}

/// A convolution of each channel with a filter of its own: filters [side * side, channel].
inline rows convolved_by_channel(const rows& x, int height, int width, const filter_shape& by,
                                 const tensor<float>& filters) {
  rows result(outputs_of(x, height, width, by), vector(x[0].size()));
  for_each_covered(static_cast<int>(x.size()), height, width, by,
                   [&](std::size_t output, int ky, int kx, std::size_t cell) {
                     for (std::size_t c = 0; c < x[cell].size(); ++c)
                       result[output][c] += x[cell][c] * static_cast<double>(filters.matrix()(
                                                             ky * by.side + kx, static_cast<bl::index>(c)));
                   });
  return result;
}

/// The mean of every `count` rows.
inline rows mean_of(const rows& x, int count) {
  rows result(x.size() / static_cast<std::size_t>(count), vector(x[0].size()));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c)
      result[i / static_cast<std::size_t>(count)][c] += x[i][c] / count;
  return result;
}

}  // namespace test
