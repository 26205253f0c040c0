// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/launch: launches a kernel so that it may begin while the one before it in the stream still ends, where
// the GPU can (Hopper and newer). A kernel launched so calls wait_for_input() before it reads or writes what
// any other kernel writes; what it does before that, loading weights for example, hides the way from launch
// to launch.

#include <cuda_runtime.h>

#include <cstddef>

#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/capability.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

/// Lets the next kernel of the stream begin, then waits until the kernels before this one have ended.
__device__ inline void wait_for_input() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

BYTELOOM_KERNELS_END

/// Whether the current GPU overlaps launches.
inline bool overlaps_launches() { return capability_major() >= 9; }

/// kernel<<<grid, block, shared_bytes, on.stream>>>(call), overlapping the kernel before it.
template <class Kernel, class Call>
void launch(executor on, const char* name, Kernel kernel, dim3 grid, int threads, std::size_t shared_bytes,
            const Call& call) {
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t how{};
  how.gridDim = grid;
  how.blockDim = dim3(static_cast<unsigned>(threads));
  how.dynamicSmemBytes = shared_bytes;
  how.stream = on.stream;
  how.attrs = &overlap;
  how.numAttrs = overlaps_launches() ? 1 : 0;
  const cudaError_t launched = cudaLaunchKernelEx(&how, kernel, call);
  if (launched != cudaSuccess) raise_launch(launched, name);
}

}  // namespace byteloom::inline v0::cuda::detail
