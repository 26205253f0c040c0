// SPDX-License-Identifier: Apache-2.0
#pragma once

// attend/copy_to: moves what the policies of an attention carry (bias tables, sinks, ids, outputs of
// observers) to another memory space, or to memory of its own. Here is what every backend shares, and the
// copy on the host; cuda/copy_to.cuh copies to the device.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/held_views.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

namespace detail {

template <memory Where, class... Policies>
std::type_identity<attention<rebound_policy_t<Policies, Where>...>> rebound_attention(
    std::type_identity<attention<Policies...>>);

template <class Spec>
using attention_type_of = typename decltype(attention_of(std::declval<const Spec*>()))::type;

/// Elements from the first to the last that a view reaches; 0 where it has none.
template <class T, int Rank, memory Where>
constexpr std::size_t span_of(const view<T, Rank, Where>& x) {
  if (x.data == nullptr || x.size() == 0) return 0;
  index last = 0;
  for (int axis = 0; axis < Rank; ++axis) last += (x.extent[axis] - 1) * x.stride[axis];
  return static_cast<std::size_t>(last) + 1;
}

/// The view with the same extents and strides over other memory.
template <memory Other, class T, int Rank, memory Where>
constexpr view<T, Rank, Other> view_over(T* data, const view<T, Rank, Where>& like) {
  view<T, Rank, Other> result;
  result.data = data;
  std::copy_n(like.extent, Rank, result.extent);
  std::copy_n(like.stride, Rank, result.stride);
  return result;
}

template <memory Where, class F, class... Policies, std::size_t... Index>
auto with_views_of(const attention<Policies...>& spec, const F& f, std::index_sequence<Index...>) {
  // braces: policies are visited in order
  return attention<rebound_policy_t<Policies, Where>...>{
      detail::with_views<Where>(spec.template get<Index>(), f)...};
}

}  // namespace detail

/// The attention<...> whose policies hold views of `Where` in place of those that `Spec` holds.
template <attention_spec Spec, memory Where>
using rebound = typename decltype(detail::rebound_attention<Where>(
    std::type_identity<detail::attention_type_of<Spec>>{}))::type;

/// The attention whose policies hold f(view) for every view that those of `spec` hold.
template <memory Where, attention_spec Spec, class F>
rebound<Spec, Where> with_views(const Spec& spec, const F& f) {
  const detail::attention_type_of<Spec>& own = spec;
  return [&]<class... Policies>(const attention<Policies...>& joined) {
    return detail::with_views_of<Where>(joined, f, std::index_sequence_for<Policies...>{});
  }(own);
}

/// An attention whose policies hold memory that this object owns. Moving it leaves the data where it is.
template <class Spec>
class owned_spec {
 public:
  owned_spec(const Spec& spec, std::vector<std::shared_ptr<void>> data)
      : spec_(spec), data_(std::move(data)) {}

  /// Valid as long as this object, or a copy of it, lives.
  const Spec& spec() const { return spec_; }

 private:
  Spec spec_;
  std::vector<std::shared_ptr<void>> data_;
};

/// A copy of the data that the policies of `spec` hold, and the attention over it. Strides stay as they are.
template <attention_spec Spec>
owned_spec<rebound<Spec, memory::host>> copy_to(host::executor, const Spec& spec) {
  std::vector<std::shared_ptr<void>> data;
  const auto copied = with_views<memory::host>(spec, [&]<class T, int Rank>(const host_view<T, Rank>& x) {
    const std::size_t count = detail::span_of(x);
    if (count == 0) return x;
    auto own = std::make_shared<std::vector<std::remove_const_t<T>>>(x.data, x.data + count);
    data.push_back(own);
    return detail::view_over<memory::host>(static_cast<T*>(own->data()), x);
  });
  return {copied, std::move(data)};
}

}  // namespace byteloom::inline v0
