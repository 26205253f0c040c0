// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_run: what Hopper's attentions, of 16-bit elements and of e4m3, share around their
// consumers: a block's roles, outputs that leave without a bulk copy, and the launch.

#include <algorithm>
#include <cstddef>
#include <string>

#include "byteloom/core/error.hpp"
#include "byteloom/core/executor.hpp"
#include "byteloom/cuda/capability.cuh"
#include "byteloom/cuda/check.cuh"
#include "byteloom/cuda/instruction/warpgroup.cuh"
#include "byteloom/cuda/kernels.cuh"
#include "byteloom/cuda/launch.cuh"
#include "byteloom/cuda/shared_memory.cuh"
#include "byteloom/cuda/sm90/attend_feed.cuh"
#include "byteloom/cuda/sm90/attend_work.cuh"

#if defined(__CUDACC_RDC__)
#error \
    "byteloom: kernels for Hopper are compiled as whole programs; with -rdc=true the compiler gives up their registers. Compile this file without it (CUDA_SEPARABLE_COMPILATION OFF)."
#endif
#if defined(__CUDACC_DEBUG__)
#error \
    "byteloom: kernels for Hopper need optimisation; with -G the compiler gives up their registers. Use -lineinfo instead, or attend<path::sm80>."
#endif

namespace byteloom::inline v0::cuda::detail {

BYTELOOM_KERNELS_BEGIN

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// Writes a thread's outputs straight to memory; `row` is the upper one's number in the call.
template <class Call, int Groups>
__device__ void attend_sm90_store(const Call& call, const query_rows<Call>& at, int row, int column,
                                  const float (&outputs)[Groups][4]) {
  using out_element = typename Call::out_element;
  asm volatile("" : "+r"(row), "+r"(column));
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    if (row + 8 * half >= at.head.queries) continue;
    out_element* to = call.out.data + at.plane * call.out.stride[0] +
                      static_cast<index>(at.query_row + row + 8 * half) * call.out.stride[1] +
                      at.head.query_head * call.out.stride[2];
#pragma unroll
    for (int j = 0; j < Groups; ++j)
#pragma unroll
      for (int c = 0; c < 2; ++c)
        to[(8 * j + column + c) * call.out.stride[3]] = static_cast<out_element>(outputs[j][2 * half + c]);
  }
}

/// One block: its first warp feeds, the warpgroups after that one compute; Block{call,
/// memory}.compute(group).
template <auto Tile, class Block, class Call>
__device__ void attend_sm90_run(const Call& call) {
  extern __shared__ unsigned char attend_shared[];
  const attend_sm90_memory<Call, Tile> memory(attend_shared);
  if (threadIdx.x == 0) memory.start();
  __syncthreads();
  wait_for_input();
  const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
  if (warp < 4) {
    instruction::give_registers<Tile.producer_registers()>();
    if (warp == 0) attend_sm90_feed<Tile, Call>{call, memory}.run();
  } else {
    instruction::take_registers<Tile.consumer_registers()>();
    Block{call, memory}.compute(warp / 4 - 1);
  }
}

#endif

BYTELOOM_KERNELS_END

/// Throws device_error where the current GPU is no Hopper, or the program's code for it has no body, as in
/// files that were compiled for sm_90 without the "a", or for older architectures alone.
inline void require_sm90_code(const void* kernel) {
  if (capability_major() != 9)
    throw device_error("attend: path::sm90 needs a Hopper GPU; choose path::best or path::sm80.");
  cudaFuncAttributes found{};
  const cudaError_t asked = cudaFuncGetAttributes(&found, kernel);
  if (asked != cudaSuccess) raise_launch(asked, "attend_sm90_kernel");
  constexpr int least_registers = 64;  // a kernel without a body has next to none
  if (found.numRegs < least_registers)
    throw device_error(
        "attend: this GPU is a Hopper, and the program holds no code of the attention kernel for it; add "
        "90a-real to CMAKE_CUDA_ARCHITECTURES, or choose attend<path::sm80>.");
}

/// Heads of the output that are worked on at a time, so that their keys and values stay in the L2 cache:
/// `head_bytes` of a value head, which `group` heads of the output share.
inline int attend_sm90_section(index head_bytes, index value_heads, int group) {
  constexpr index share = 32 << 20;  // of the L2 cache
  return static_cast<int>(std::clamp<index>(share / std::max<index>(1, head_bytes), 1, value_heads)) * group;
}

/// Launches as many blocks as the GPU has multiprocessors, or as there is work.
template <class Kernel, class Call>
void launch_attend_sm90(executor on, const char* name, Kernel kernel, int threads, int shared_bytes,
                        index work, const Call& call) {
  int device = 0;
  int multiprocessors = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "asking for multiprocessors");
  const auto bytes = static_cast<std::size_t>(shared_bytes);
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the kernel's " +
                       std::to_string(bytes) + " bytes; it is no Hopper.");
  launch(on, name, kernel, dim3(static_cast<unsigned>(std::min<index>(multiprocessors, work))), threads,
         bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail
