// SPDX-License-Identifier: Apache-2.0

// Sequences of different lengths, without padding.

#include "byteloom/attend/ragged.hpp"
#include "byteloom/cuda/attend.cuh"
#include "library/attend.hpp"

/// q, k, v, out [rows, 12, 64] bf16, x.length rows in all; offsets [sequences + 1].
void bench::run_ragged(const tensors& x, const int* offsets, int sequences, int longest) {
  using spec = bl::attention<bl::heads<12, 12, 64>>;
  require_heads(x.heads, 12);
  const auto view = [&](auto* data) {
    return bl::device_view<std::remove_pointer_t<decltype(data)>, 3>(data, x.length, 12, 64);
  };
  bl::attend(x.on, spec{}, view(x.q), view(x.k), view(x.v),
             bl::ragged<bl::memory::device>(bl::device_view<const int, 1>(offsets, sequences + 1), longest),
             view(x.out));
}
