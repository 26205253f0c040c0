// SPDX-License-Identifier: Apache-2.0

// The attentions of the topic `attend` behind C functions, so that bench/peers/attend.py runs them in the
// process of their peers, on the same tensors. All tensors are contiguous, in device memory, and bf16 unless
// said otherwise; heads are those that the case is compiled for. 0: launched; else a sentence stands on
// standard error.

#include "library/attend.hpp"

#include <cstdio>
#include <exception>

namespace {

using bench::tensors;

tensors tensors_of(const void* q, const void* k, const void* v, void* out, int heads, int batch, int length,
                   void* stream) {
  using byteloom::bf16;
  return {static_cast<const bf16*>(q),
          static_cast<const bf16*>(k),
          static_cast<const bf16*>(v),
          static_cast<bf16*>(out),
          heads,
          batch,
          length,
          nullptr,
          byteloom::cuda::on(static_cast<CUstream_st*>(stream))};
}

/// F says whether it has the case.
template <class F>
int attempt(const char* name, const F& launch) {
  try {
    if (launch()) return 0;
    std::fprintf(stderr, "no case is called %s\n", name);
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", name, failure.what());
    return 1;
  }
}

}  // namespace

extern "C" {

/// q, k [batch, length, heads, size], v and out with the value size; spans [batch, length, 2] of int, of the
/// documents, ascending.
int byteloom_attend(const char* name, const void* q, const void* k, const void* v, void* out, int heads,
                    int batch, int length, const int* spans, void* stream) {
  return attempt(name, [&] {
    auto x = tensors_of(q, k, v, out, heads, batch, length, stream);
    x.spans = spans;
    return bench::run_plain(name, x) || bench::run_fused(name, x) || bench::run_odd(name, x);
  });
}

/// difference/...: q, k [batch, length, heads, size], v and out with half the heads. half/...: all with
/// `heads`.
int byteloom_attend_maps(const char* name, const void* q, const void* k, const void* v, void* out, int heads,
                         int batch, int length, float lambda, void* stream) {
  return attempt(name, [&] {
    return bench::run_maps(name, tensors_of(q, k, v, out, heads, batch, length, stream), lambda);
  });
}

/// q, k, v, out [images, 56, 56, heads, 32]; biases [13 * 13, heads] of float, row-major by the offset query
/// - key.
int byteloom_attend_packed(const void* q, const void* k, const void* v, void* out, int heads, int images,
                           const float* biases, void* stream) {
  return attempt("packed", [&] {
    bench::run_packed(tensors_of(q, k, v, out, heads, images, 56 * 56, stream), biases);
    return true;
  });
}

/// q, k, v, out [rows, heads, 64]; offsets [sequences + 1] of int.
int byteloom_attend_ragged(const void* q, const void* k, const void* v, void* out, int heads, int rows,
                           const int* offsets, int sequences, int longest, void* stream) {
  return attempt("varlen", [&] {
    bench::run_ragged(tensors_of(q, k, v, out, heads, 1, rows, stream), offsets, sequences, longest);
    return true;
  });
}

}  // extern "C"
