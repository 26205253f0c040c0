// SPDX-License-Identifier: Apache-2.0
#pragma once

// host/backend: memory and replay for whole models on the host: ordinary memory, and doing it again.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "byteloom/compose/backend.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/core/view.hpp"

namespace byteloom::inline v0 {

template <>
struct backend<host::executor> {
  template <class T>
  class buffer {
   public:
    buffer(host::executor, std::size_t count) try : elements_(count) {
    } catch (const std::exception&) {  // bad_alloc, or length_error where no vector is that long
      throw out_of_memory("the host has no memory for a buffer of " + std::to_string(count) +
                          " elements of " + std::to_string(sizeof(T)) +
                          " bytes; choose a smaller context, chunk or batch.");
    }
    T* data() { return elements_.data(); }
    const T* data() const { return elements_.data(); }

   private:
    std::vector<T> elements_;
  };

  template <class T>
  static void upload(host::executor, T* to, const T* from, std::size_t count) {
    std::copy_n(from, count, to);
  }
  template <class T>
  static void download(host::executor, T* to, const T* from, std::size_t count) {
    std::copy_n(from, count, to);
  }

  template <class T>
  class mailbox {
   public:
    explicit mailbox(host::executor) {}
    void post(host::executor, const T* from) { value_ = *from; }
    T take(host::executor) { return value_; }

   private:
    T value_{};
  };

  template <class Key>
  struct replay {
    template <class F>
    void operator()(host::executor, const Key&, const F& f) {
      f();
    }
  };

  /// The processor's name as the kernel tells it.
  static std::string name(host::executor) {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
      if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(": ") + 2));
    return "host";
  }
};

/// Adds one to every position and length: the sequence grew by one token.
inline void advance(host::executor, host_view<int, 1> positions, host_view<int, 1> lengths) {
  for (index i = 0; i < positions.extent[0]; ++i) ++positions(i);
  for (index i = 0; i < lengths.extent[0]; ++i) ++lengths(i);
}

}  // namespace byteloom::inline v0
