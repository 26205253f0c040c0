// SPDX-License-Identifier: Apache-2.0

// Windows of 7x7 over images of 56x56, with a bias by offset and head.

#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/score/window_bias.hpp"
#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

/// q, k, v, out [images, 56, 56, 4, 32] bf16; biases [13 * 13, 4] float.
void bench::run_packed(const tensors& x, const float* biases) {
  using bias = bl::score::window_bias<bl::score::sides<7, 7>, bl::memory::device>;
  using spec = bl::attention<bl::heads<4, 4, 32>, bl::group::windows<7, 7>, bias>;
  require_heads(x.heads, 4);
  const auto view = [&](auto* data) { return view_of(data, x.batch, 56 * 56, 4, 32); };
  bl::attend(x.on,
             spec{bl::group::windows<7, 7>({56, 56}), bias(bl::device_view<const float, 2>(biases, 169, 4))},
             view(x.q), view(x.k), view(x.v), view(x.out));
}
