// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/sm90/attend_run: what Hopper's attentions, of 16-bit elements and of e4m3, share around their
// products: a block's roles and the launch.

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
#include "byteloom/cuda/sm90/attend_consume.cuh"
#include "byteloom/cuda/sm90/attend_feed.cuh"
#include "byteloom/cuda/sm90/attend_turn.cuh"
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

/// Registers of a thread of the producer and of a consumer.
template <auto Tile, class Call>
BYTELOOM_HD constexpr int producer_registers() {
  if constexpr (Call::turns_queries) return Tile.producer_registers(true);
  return Tile.producer_registers();
}
template <auto Tile, class Call>
BYTELOOM_HD constexpr int consumer_registers() {
  if constexpr (Call::turns_queries) return Tile.consumer_registers(true);
  return Tile.consumer_registers();
}

/// One block: its first warp feeds, the three beside it turn queries where positions do, the warpgroups after
/// them compute.
template <auto Tile, class Products, class Call>
__device__ void attend_sm90_run(const Call& call) {
  extern __shared__ unsigned char attend_shared[];
  const attend_sm90_memory<Call, Tile> memory(attend_shared);
  if (threadIdx.x == 0) memory.start();
  __syncthreads();
  wait_for_input();
  const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
  if (warp < 4) {
    instruction::give_registers<producer_registers<Tile, Call>()>();
    if (warp == 0) attend_sm90_feed<Tile, Call>{call, memory}.run();
    if constexpr (Call::turns_queries)
      if (warp > 0) attend_sm90_turn<Tile, Call>{call, memory}.run(warp);
  } else {
    instruction::take_registers<consumer_registers<Tile, Call>()>();
    attend_sm90_consumer<Tile, Call, Products>(call, memory, warp / 4 - 1).run();
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

/// Heads of the output that are worked on at a time: of one value head, which `group` heads of the output
/// share, where all tiles are alike, so that neighbouring blocks read the same keys. Where masks make tiles
/// of different length, as many as the L2 cache holds, which spreads long tiles over the blocks, but few
/// enough that several blocks share a head's keys: else all wait for memory when they begin, and for the
/// tensor cores when they go on. `head_bytes` are those of a value head's keys and values.
inline int attend_sm90_section(bool masked, index head_bytes, index value_heads, int group,
                               int multiprocessors) {
  constexpr index share = 32 << 20;  // of the L2 cache
  constexpr int sharers = 4;
  if (!masked) return group;
  const index fit = std::min<index>(share / std::max<index>(1, head_bytes), multiprocessors / sharers);
  return static_cast<int>(std::clamp<index>(fit, 1, value_heads)) * group;
}

/// Of the current GPU.
inline int multiprocessor_count() {
  int device = 0;
  int count = 0;
  check(cudaGetDevice(&device), "asking for the current GPU");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "asking for multiprocessors");
  return count;
}

/// Launches as many blocks as the GPU has multiprocessors, or as there is work.
template <class Kernel, class Call>
void launch_attend_sm90(executor on, const char* name, Kernel kernel, int threads, int shared_bytes,
                        index work, const Call& call) {
  const auto bytes = static_cast<std::size_t>(shared_bytes);
  if (!allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes))
    throw device_error("attend: this GPU has less shared memory a block than the kernel's " +
                       std::to_string(bytes) + " bytes; it is no Hopper.");
  launch(on, name, kernel, dim3(static_cast<unsigned>(std::min<index>(multiprocessor_count(), work))),
         threads, bytes, call);
}

}  // namespace byteloom::inline v0::cuda::detail
