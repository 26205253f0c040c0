// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/packed/homeless: outputs of queries that belong to no group: zeros, and what observers are told of a
// row without keys.

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/launch.cuh"

#pragma nv_diagnostic push
#pragma nv_diag_error 20011, 20013, 20014, 20015

namespace byteloom::inline v0::cuda::detail {

template <class Spec, class O>
struct homeless_call {
  using spec_type = Spec;

  Spec spec;
  device_view<O, 4> out;
  int keys;
  int first_query;
};

BYTELOOM_KERNELS_BEGIN

/// A warp takes a query. Those of which the policy cannot say that they have a group are cleared, too, before
/// their outputs come.
template <class Call>
__global__ __launch_bounds__(128) void homeless_kernel(const __grid_constant__ Call call) {
  using spec_type = typename Call::spec_type;
  wait_for_input();
  const auto row_of_call = static_cast<int>(blockIdx.x * 4 + threadIdx.x / 32);
  const auto queries = static_cast<int>(call.out.extent[1]);
  if (row_of_call >= queries) return;
  const int query = call.first_query + row_of_call;
  const auto group = call.spec.group();
  if constexpr (requires { group.group_of(query); })
    if (group.group_of(query) >= 0) return;
  const auto batch = static_cast<int>(blockIdx.y);
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto heads = static_cast<int>(call.out.extent[2]);
  for (int head = 0; head < heads; ++head)
    for (auto i = lane; i < static_cast<int>(call.out.extent[3]); i += 32)
      call.out(batch, row_of_call, head, i) = typename decltype(call.out)::value_type(0.0f);
  if constexpr (spec_type::is_observed) {
    const int sharing = heads / static_cast<int>(int{call.spec.heads().key});
    for (int head = lane; head < heads; head += 32)
      call.spec.observe(row_of_call, {batch, head, head / sharing, query, queries, call.keys},
                        typename spec_type::normalizer_type::template state<float>{});
  }
}

BYTELOOM_KERNELS_END

template <class Spec, class O>
void clear_homeless(executor on, const Spec& spec, const device_view<O, 4>& out, index keys,
                    index first_query) {
  const dim3 grid(static_cast<unsigned>((out.extent[1] + 3) / 4), static_cast<unsigned>(out.extent[0]));
  launch(on, "homeless_kernel", homeless_kernel<homeless_call<Spec, O>>, grid, 128, 0,
         homeless_call<Spec, O>{spec, out, static_cast<int>(keys), static_cast<int>(first_query)});
}

}  // namespace byteloom::inline v0::cuda::detail

#pragma nv_diagnostic pop
