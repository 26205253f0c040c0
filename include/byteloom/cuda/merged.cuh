// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/merged: attentions of two parts on the device: two sets of keys under one softmax (attend/merged.hpp),
// and two ranges of heads (attend/side_by_side.hpp).

#include "byteloom/attend/merged.hpp"
#include "byteloom/attend/side_by_side.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/cuda/attend.cuh"
#include "byteloom/cuda/buffer.cuh"
#include "byteloom/cuda/merge.cuh"

namespace byteloom::inline v0 {

/// As on the host, on the executor's stream; `How` is attend's, for both parts. Outputs of the parts are
/// floats. Throws shape_error and out_of_memory, and device_error where a launch fails.
template <class How = path::best, class A, class B, class Q, class KA, class VA, class KB, class VB, class O>
void attend(cuda::executor on, const merged<A, B>& spec, Q q, KA k_a, VA v_a, KB k_b, VB v_b, O out) {
  const auto rows = static_cast<std::size_t>(out.extent[0] * out.extent[1] * out.extent[2]);
  cuda::buffer<float> sums_a(on, rows), sums_b(on, rows);
  cuda::buffer<float> outputs_a(on, static_cast<std::size_t>(out.size()));
  cuda::buffer<float> outputs_b(on, static_cast<std::size_t>(out.size()));
  const auto sums = [&](cuda::buffer<float>& data) {
    return device_view<float, 3>(data.data(), out.extent[0], out.extent[1], out.extent[2]);
  };
  const auto outputs = [&](cuda::buffer<float>& data) {
    return device_view<float, 4>(data.data(), out.extent[0], out.extent[1], out.extent[2], out.extent[3]);
  };
  attend<How>(on, detail::with_log_sum(spec.first, sums(sums_a)), q, k_a, v_a, outputs(outputs_a));
  attend<How>(on, detail::with_log_sum(spec.second, sums(sums_b)), q, k_b, v_b, outputs(outputs_b));
  merge(on, outputs(outputs_a), sums(sums_a), outputs(outputs_b), sums(sums_b), out, sums(sums_a));
}

/// As on the host, on the executor's stream; `How` is attend's, for both parts. Throws shape_error, and
/// device_error where a launch fails.
template <class How = path::best, class A, class B, class Q, class KA, class VA, class KB, class VB, class O>
void attend(cuda::executor on, const side_by_side<A, B>& spec, Q q, KA k_a, VA v_a, KB k_b, VB v_b, O out) {
  detail::split_heads(
      spec, q, out,
      [&](const auto& queries, const auto& outputs) {
        attend<How>(on, spec.first, queries, k_a, v_a, outputs);
      },
      [&](const auto& queries, const auto& outputs) {
        attend<How>(on, spec.second, queries, k_b, v_b, outputs);
      });
}

}  // namespace byteloom::inline v0
