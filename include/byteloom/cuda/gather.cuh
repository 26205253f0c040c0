// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/gather: the embedding lookup on the device, and the step from one token to the next.

#include <algorithm>

#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {
namespace cuda::detail {

BYTELOOM_KERNELS_BEGIN

template <class Element>
struct gather_call {
  device_view<const Element, 2> table;
  device_view<const token, 1> ids;
  device_view<float, 2> out;
};

template <class Element>
__global__ void gather_kernel(const gather_call<Element> call) {
  wait_for_input();
  const auto& [table, ids, out] = call;
  const index row = blockIdx.x;
  const token id = ids(row);
  // The caller promises ids of the vocabulary; one outside (a sampler's "none") must not read foreign memory.
  const bool known = id >= 0 && id < table.extent[0];
  for (index c = threadIdx.x; c < table.extent[1]; c += blockDim.x)
    out(row, c) = known ? static_cast<float>(table(id, c)) : 0.0f;
}

struct advance_call {
  device_view<int, 1> positions;
  device_view<int, 1> lengths;
};

template <class Call>
__global__ void advance_kernel(const Call call) {
  wait_for_input();
  const auto& [positions, lengths] = call;
  const index i = blockIdx.x * static_cast<index>(blockDim.x) + threadIdx.x;
  if (i < positions.extent[0]) ++positions(i);
  if (i < lengths.extent[0]) ++lengths(i);
}

BYTELOOM_KERNELS_END

}  // namespace cuda::detail

/// out[i] = table[ids[i]]: table [vocabulary, width], out [ids, width]. Ids are the caller's promise; one
/// outside the table gives a row of zeros.
template <class Element>
void gather(cuda::executor on, device_view<const Element, 2> table, device_view<const token, 1> ids,
            device_view<float, 2> out) {
  if (ids.extent[0] == 0) return;
  cuda::detail::launch(on, "gather_kernel", cuda::detail::gather_kernel<Element>,
                       dim3(static_cast<unsigned>(ids.extent[0])), 128, 0,
                       cuda::detail::gather_call<Element>{table, ids, out});
}

/// Adds one to every position and length: the sequence grew by one token.
inline void advance(cuda::executor on, device_view<int, 1> positions, device_view<int, 1> lengths) {
  const index count = std::max(positions.extent[0], lengths.extent[0]);
  cuda::detail::launch(on, "advance_kernel", cuda::detail::advance_kernel<cuda::detail::advance_call>,
                       dim3(static_cast<unsigned>((count + 127) / 128)), 128, 0,
                       cuda::detail::advance_call{positions, lengths});
}

}  // namespace byteloom::inline v0
