// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/held_views: policies that carry data hold views of it and are templated on the memory space. They say
// so by four members, which let a launcher refuse a view of the wrong space and let copy_to move the data:
//
//   static constexpr memory where = Where;
//   template <memory Other> using in = my_policy<Other>;
//   template <memory Other, class F> constexpr in<Other> with_views(const F& f) const { return {f(table)}; }
//
// with_views calls f once for each view, in order; f returns the view of the other space. A policy that wraps
// another one passes all of it on.

#include <concepts>

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0::detail {

template <class Policy>
concept holds_views = requires {
  { Policy::where } -> std::convertible_to<memory>;
};

template <class Policy, memory Where>
struct rebound_policy {
  using type = Policy;
};
template <holds_views Policy, memory Where>
struct rebound_policy<Policy, Where> {
  using type = typename Policy::template in<Where>;
};

/// The policy's type for data of another memory space; itself where it holds none.
template <class Policy, memory Where>
using rebound_policy_t = typename rebound_policy<Policy, Where>::type;

/// The policy with every view that it holds replaced by f(view).
template <memory Where, class Policy, class F>
constexpr rebound_policy_t<Policy, Where> with_views(const Policy& policy, const F& f) {
  if constexpr (holds_views<Policy>) {
    return policy.template with_views<Where>(f);
  } else {
    return policy;
  }
}

/// Base of a policy that wraps `Inner`: it has data where the inner one has.
template <class Inner>
struct wraps {};
template <holds_views Inner>
struct wraps<Inner> {
  static constexpr memory where = Inner::where;
};

}  // namespace byteloom::inline v0::detail
