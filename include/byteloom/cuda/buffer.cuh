// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/buffer: owners of device memory and of page-locked host memory.

#include <cuda_runtime.h>

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/memory_pool.cuh"

namespace byteloom::inline v0::cuda {

namespace detail {

inline std::size_t bytes_of(std::size_t count, std::size_t size) {
  if (count > std::numeric_limits<std::size_t>::max() / size)
    throw out_of_memory("a buffer of " + std::to_string(count) + " elements has more bytes than any memory.");
  return count * size;
}

}  // namespace detail

/// Owns `count` elements of device memory, taken and given back in the order of a stream, which outlives the
/// buffer. Their values are not set. Memory comes from the library's pool (cuda/memory_pool), which keeps what
/// is given back. Throws out_of_memory, and then nothing stays taken.
template <class T>
class buffer {
  static_assert(
      std::is_trivially_copyable_v<T>,
      "byteloom: device memory holds trivially copyable elements; copy what owns memory piece by piece.");

 public:
  buffer(executor on, std::size_t count) : stream_(on.stream), count_(count) {
    const std::size_t bytes = detail::bytes_of(count, sizeof(T));
    if (bytes == 0) return;
    void* taken = nullptr;
    const cudaError_t code = cudaMallocFromPoolAsync(&taken, bytes, detail::memory_pool(), stream_);
    if (code != cudaSuccess) detail::raise(code, "a buffer of " + std::to_string(bytes) + " bytes");
    data_ = static_cast<T*>(taken);
  }

  /// A copy of host elements.
  buffer(executor on, std::span<const T> from) : buffer(on, from.size()) { copy_from_host(on, from); }

  buffer(buffer&& other) noexcept
      : stream_(other.stream_),
        count_(std::exchange(other.count_, 0)),
        data_(std::exchange(other.data_, nullptr)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(stream_, other.stream_);
    std::swap(count_, other.count_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~buffer() {
    if (data_ != nullptr) cudaFreeAsync(data_, stream_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return count_; }

  /// Copies all elements. From ordinary memory `from` may be reused when it returns. Throws shape_error where
  /// the counts differ.
  void copy_from_host(executor on, std::span<const T> from) {
    require(from.size());
    if (count_ == 0) return;
    detail::check(cudaMemcpyAsync(data_, from.data(), count_ * sizeof(T), cudaMemcpyHostToDevice, on.stream),
                  "copying to the GPU");
  }

  /// Copies all elements; complete when it returns. Throws shape_error where the counts differ.
  void copy_to_host(executor on, std::span<T> to) const {
    require(to.size());
    if (count_ == 0) return;
    detail::check(cudaMemcpyAsync(to.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost, on.stream),
                  "copying from the GPU");
    detail::check(cudaStreamSynchronize(on.stream), "waiting for the GPU");
  }

 private:
  void require(std::size_t count) const {
    if (count != count_)
      throw shape_error("buffer: a copy of " + std::to_string(count) + " elements, but the buffer holds " +
                        std::to_string(count_) + ".");
  }

  cudaStream_t stream_;
  std::size_t count_;
  T* data_ = nullptr;
};

/// Owns `count` elements of page-locked host memory, which the GPU writes without the host's help.
template <class T>
class pinned {
 public:
  explicit pinned(std::size_t count) {
    void* taken = nullptr;
    detail::check(cudaMallocHost(&taken, detail::bytes_of(count, sizeof(T))), "taking page-locked memory");
    data_ = static_cast<T*>(taken);
  }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() { cudaFreeHost(data_); }

  T* data() { return data_; }

 private:
  T* data_ = nullptr;
};

}  // namespace byteloom::inline v0::cuda
