// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/view: tensors as non-owning views: a pointer, extents and strides in elements, and the memory space
// they live in as part of the type, so that a host pointer cannot reach a kernel by mistake. Owners are
// std::vector on the host and cuda::buffer on the device.

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0 {

/// Sizes, strides and indices of tensors.
using index = std::int64_t;

enum class memory : std::uint8_t { host, device };

/// A tensor of `Rank` axes in row-major order unless strides say otherwise. Copying a view copies no data;
/// the data outlives the view. Strides are in elements and free; data is aligned for T.
template <class T, int Rank, memory Where = memory::host>
struct view {
  using value_type = T;
  static constexpr int rank = Rank;
  static constexpr memory where = Where;

  T* data = nullptr;
  index extent[Rank] = {};
  index stride[Rank] = {};

  constexpr view() = default;

  /// Contiguous data: the last axis has stride 1.
  template <std::integral... Extents>
  requires(sizeof...(Extents) == Rank) BYTELOOM_HD constexpr view(T* first, Extents... extents)
      : data(first), extent{static_cast<index>(extents)...} {
    index step = 1;
    for (int axis = Rank - 1; axis >= 0; --axis) {
      stride[axis] = step;
      step *= extent[axis];
    }
  }

  /// A view of non-constant data reads as one of constant data.
  template <class U>
  requires(std::is_same_v<const U, T>) BYTELOOM_HD constexpr view(const view<U, Rank, Where>& other)
      : data(other.data) {
    for (int axis = 0; axis < Rank; ++axis) {
      extent[axis] = other.extent[axis];
      stride[axis] = other.stride[axis];
    }
  }

  template <std::integral... Indices>
  requires(sizeof...(Indices) == Rank) BYTELOOM_HD constexpr T& operator()(Indices... indices) const {
    const index at[Rank] = {static_cast<index>(indices)...};
    index offset = 0;
    for (int axis = 0; axis < Rank; ++axis) offset += at[axis] * stride[axis];
    return data[offset];
  }

  /// Number of elements.
  BYTELOOM_HD constexpr index size() const {
    index product = 1;
    for (int axis = 0; axis < Rank; ++axis) product *= extent[axis];
    return product;
  }
};

template <class T, int Rank>
using host_view = view<T, Rank, memory::host>;

template <class T, int Rank>
using device_view = view<T, Rank, memory::device>;

namespace detail {
template <class V>
inline constexpr bool is_view = false;
template <class T, int Rank, memory Where>
inline constexpr bool is_view<view<T, Rank, Where>> = true;
}  // namespace detail

}  // namespace byteloom::inline v0
