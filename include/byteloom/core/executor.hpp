// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/executor: the first argument of every operation says where it runs. Both executors are plain values
// that any C++ file can make; what they call lives in host/ and cuda/.

#include "byteloom/core/config.hpp"
#include "byteloom/core/view.hpp"

struct CUstream_st;  // what cudaStream_t points to; declared here so that no CUDA header is needed

namespace byteloom::inline v0 {

namespace host {

/// Runs on the calling thread and, for large operations, on threads of its own.
struct executor {
  static constexpr memory where = memory::host;
  int threads = 0;  ///< at most this many; 0: as many as the machine has cores
};

/// The host itself. Operations on it have completed when they return.
constexpr executor here(int threads = 0) { return {threads}; }

}  // namespace host

namespace cuda {

/// Runs in order on one CUDA stream of the current device.
struct executor {
  static constexpr memory where = memory::device;
  CUstream_st* stream = nullptr;
};

/// A CUDA stream; without an argument, the default stream. Operations on it return before they have
/// completed: the stream orders them.
constexpr executor on(CUstream_st* stream = nullptr) { return {stream}; }

}  // namespace cuda

}  // namespace byteloom::inline v0
