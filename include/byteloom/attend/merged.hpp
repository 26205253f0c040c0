// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/merged: one softmax over two sets of keys, each with masks, scores and positions of its own, such as
// a window and summaries of what lies beyond it (transient global tokens: Guo et al., LongT5, arXiv
// 2112.07916), or two branches whose keys are turned differently (Han et al., LM-Infinite, arXiv 2308.16137).
// Each set is attended by itself and the outputs are joined by their log-sum-exps (attend/merge.hpp), which
// is the same softmax. host/merged.hpp and cuda/merged.cuh run it.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "byteloom/attend/attention.hpp"
#include "byteloom/attend/observe/log_sum_exp.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

/// `A` and `B` are attentions of the same heads; their normalizers have a log_sum that counts keys alone (so
/// softmax, not normalizer::sinks). Keys of another number than the queries' need keys::apart. Run as
/// attend(on, merged{a, b}, q, k_a, v_a, k_b, v_b, out). A row that keeps no key in either is 0.
template <class A, class B>
struct merged {
  static_assert(attention_spec<A> && attention_spec<B>,
                "byteloom: merged<A, B> joins the keys of two attention<...>; give it those.");
  static constexpr bool plain = [] {
    if constexpr (attention_spec<A> && attention_spec<B>)
      return !A::has_output_policy && !B::has_output_policy && A::map_count == 1 && B::map_count == 1;
    return true;
  }();
  static_assert(
      plain,
      "byteloom: merged<A, B> joins the outputs of one map each as they are; leave policies of maps "
      "and of the output out of its parts.");
  A first;
  B second;
};
template <class A, class B>
merged(A, B) -> merged<A, B>;  // clang 14 finds none for an aggregate

namespace detail {

template <class Policy, class... Policies, std::size_t... Index>
attention<Policies..., Policy> with_policy(const attention<Policies...>& spec, const Policy& policy,
                                           std::index_sequence<Index...>) {
  return attention<Policies..., Policy>{spec.template get<Index>()..., policy};
}

/// The attention that writes the log-sum-exps of its rows, too.
template <memory Where, class... Policies>
auto with_log_sum(const attention<Policies...>& spec, const view<float, 3, Where>& out) {
  return detail::with_policy(spec, observe::log_sum_exp<Where>{out}, std::index_sequence_for<Policies...>{});
}

}  // namespace detail

}  // namespace byteloom::inline v0
