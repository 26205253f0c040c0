// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/merge: joins outputs of attention over different keys on the device. A warp owns a row.

#include <algorithm>

#include "byteloom/attend/merge.hpp"
#include "byteloom/attend/shapes.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"

namespace byteloom::inline v0 {
namespace cuda::detail {

template <class A, class B, class O>
struct merge_call {
  device_view<A, 4> out_a;
  device_view<const float, 3> lse_a;
  device_view<B, 4> out_b;
  device_view<const float, 3> lse_b;
  device_view<O, 4> out;
  device_view<float, 3> lse;
};

BYTELOOM_KERNELS_BEGIN

template <class Call>
__global__ void merge_kernel(const __grid_constant__ Call call) {
  wait_for_input();
  const auto& out = call.out;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const index rows = out.extent[0] * out.extent[1] * out.extent[2];
  const index warps = static_cast<index>(gridDim.x) * blockDim.x / 32;
  for (index i = (blockIdx.x * static_cast<index>(blockDim.x) + threadIdx.x) / 32; i < rows; i += warps) {
    const index head = i % out.extent[2];
    const index query = i / out.extent[2] % out.extent[1];
    const index batch = i / out.extent[2] / out.extent[1];
    const auto by = merge_by(call.lse_a(batch, query, head), call.lse_b(batch, query, head));
    __syncwarp();  // lse may be that of a or b: all lanes have read before one writes
    for (index d = lane; d < out.extent[3]; d += 32) {
      using out_type = std::remove_reference_t<decltype(*out.data)>;
      out(batch, query, head, d) =
          static_cast<out_type>(by(static_cast<float>(call.out_a(batch, query, head, d)),
                                   static_cast<float>(call.out_b(batch, query, head, d))));
    }
    if (lane == 0) call.lse(batch, query, head) = by.log_sum;
  }
}

BYTELOOM_KERNELS_END

}  // namespace cuda::detail

/// As merge on the host, on the executor's stream; all views are of device memory. Throws shape_error, and
/// device_error where the launch fails.
template <class A, class B, class O>
void merge(cuda::executor on, device_view<A, 4> out_a, device_view<const float, 3> lse_a,
           device_view<B, 4> out_b, device_view<const float, 3> lse_b, device_view<O, 4> out,
           device_view<float, 3> lse) {
  detail::require_merge_shapes(out_a, lse_a, out_b, lse_b, out, lse);
  if (out.size() == 0) return;
  const index rows = out.extent[0] * out.extent[1] * out.extent[2];
  const auto blocks = static_cast<unsigned>(std::min<index>((rows + 7) / 8, 65535));
  const cuda::detail::merge_call<A, B, O> call{out_a, lse_a, out_b, lse_b, out, lse};
  cuda::detail::launch(on, "merge_kernel", cuda::detail::merge_kernel<cuda::detail::merge_call<A, B, O>>,
                       dim3(blocks), 256, 0, call);
}

}  // namespace byteloom::inline v0
