// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the files beside this one share: cases of the topic `attend`, a family a file, so that they compile
// beside each other. attend.cu puts them behind C functions.

#include <string>
#include <string_view>
#include <type_traits>

#include "byteloom/attend/attention.hpp"
#include "byteloom/core/bf16.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/cuda/attend.hpp"

namespace bench {

namespace bl = byteloom;

/// q [batch, length, heads, size], k [batch, length, heads, size], v and out with the value size (maps: half
/// the heads), contiguous.
struct tensors {
  const bl::bf16 *q, *k, *v;
  bl::bf16* out;
  bl::index heads, batch, length;
  const int* spans;  ///< of the document at each position, [batch, length, 2]
  bl::cuda::executor on;
};

template <class T>
bl::device_view<T, 4> view_of(T* data, bl::index batch, bl::index length, bl::index heads, bl::index size) {
  return {data, batch, length, heads, size};
}

inline void require_heads(bl::index given, int compiled) {
  if (given != compiled)
    throw bl::argument_error("this case is compiled for " + std::to_string(compiled) + " heads, not " +
                             std::to_string(given) + ".");
}

template <int Heads, int Size, int ValueSize, class... Policies>
bool run(const tensors& x, const Policies&... policies) {
  using spec = bl::attention<bl::heads<Heads, Heads, Size, ValueSize>, Policies...>;
  require_heads(x.heads, Heads);
  bl::attend(x.on, spec{policies...}, view_of(x.q, x.batch, x.length, Heads, Size),
             view_of(x.k, x.batch, x.length, Heads, Size), view_of(x.v, x.batch, x.length, Heads, ValueSize),
             view_of(x.out, x.batch, x.length, Heads, ValueSize));
  return true;
}

/// Whether a family has a case of this name, which it has then launched.
bool run_plain(std::string_view name, const tensors& x);
bool run_odd(std::string_view name, const tensors& x);
bool run_fused(std::string_view name, const tensors& x);
bool run_maps(std::string_view name, const tensors& x, float lambda);
void run_packed(const tensors& x, const float* biases);
void run_ragged(const tensors& x, const int* offsets, int sequences, int longest);

}  // namespace bench
