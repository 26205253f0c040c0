// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/merged: attentions of two parts on the host: two sets of keys under one softmax (attend/merged.hpp),
// and two ranges of heads (attend/side_by_side.hpp).

#include <vector>

#include "byteloom/attend/merged.hpp"
#include "byteloom/attend/side_by_side.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"
#include "byteloom/host/attend.hpp"
#include "byteloom/host/merge.hpp"

namespace byteloom::inline v0 {

/// out = softmax attention over the keys of both parts. Shapes of q, out and of either part's keys and values
/// as in attend. Throws shape_error.
template <class A, class B, class Q, class KA, class VA, class KB, class VB, class O>
void attend(host::executor on, const merged<A, B>& spec, Q q, KA k_a, VA v_a, KB k_b, VB v_b, O out) {
  std::vector<float> sums_of[2], outputs_of[2];
  for (int part = 0; part < 2; ++part) {
    sums_of[part].resize(static_cast<std::size_t>(out.extent[0] * out.extent[1] * out.extent[2]));
    outputs_of[part].resize(static_cast<std::size_t>(out.size()));
  }
  const auto sums = [&](int part) {
    return host_view<float, 3>(sums_of[part].data(), out.extent[0], out.extent[1], out.extent[2]);
  };
  const auto outputs = [&](int part) {
    return host_view<float, 4>(outputs_of[part].data(), out.extent[0], out.extent[1], out.extent[2],
                               out.extent[3]);
  };
  attend(on, detail::with_log_sum(spec.first, sums(0)), q, k_a, v_a, outputs(0));
  attend(on, detail::with_log_sum(spec.second, sums(1)), q, k_b, v_b, outputs(1));
  merge(on, outputs(0), sums(0), outputs(1), sums(1), out, sums(0));
}

/// out = what either part attends for its heads. Throws shape_error.
template <class A, class B, class Q, class KA, class VA, class KB, class VB, class O>
void attend(host::executor on, const side_by_side<A, B>& spec, Q q, KA k_a, VA v_a, KB k_b, VB v_b, O out) {
  detail::split_heads(
      spec, q, out,
      [&](const auto& queries, const auto& outputs) { attend(on, spec.first, queries, k_a, v_a, outputs); },
      [&](const auto& queries, const auto& outputs) { attend(on, spec.second, queries, k_b, v_b, outputs); });
}

}  // namespace byteloom::inline v0
