// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/copy_to: moves what the policies of an attention carry to the device.

#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "byteloom/attend/copy_to.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/buffer.cuh"

namespace byteloom::inline v0 {

/// A copy on the device of the data that the policies of `spec` hold on the host, and the attention over it.
/// Strides stay as they are. The data is taken and given back in the order of the executor's stream, which
/// outlives the result. Throws out_of_memory and device_error.
template <attention_spec Spec>
owned_spec<rebound<Spec, memory::device>> copy_to(cuda::executor on, const Spec& spec) {
  std::vector<std::shared_ptr<void>> data;
  const auto copied = with_views<memory::device>(spec, [&]<class T, int Rank>(const host_view<T, Rank>& x) {
    const std::size_t count = detail::span_of(x);
    if (count == 0) return detail::view_over<memory::device>(static_cast<T*>(nullptr), x);
    using held = std::remove_const_t<T>;
    auto own = std::make_shared<cuda::buffer<held>>(on, std::span<const held>(x.data, count));
    data.push_back(own);
    return detail::view_over<memory::device>(static_cast<T*>(own->data()), x);
  });
  return {copied, std::move(data)};
}

}  // namespace byteloom::inline v0
