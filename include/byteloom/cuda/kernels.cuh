// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/kernels: the namespace that encloses kernels, and them alone. Its name is spelled from the
// architectures of the compilation, so that two objects built for different GPUs never take each other's
// kernels; everything that callers name stays outside, in the version's namespace.

#include "byteloom/core/config.hpp"

#if defined(__CUDA_ARCH_LIST__)

#define BYTELOOM_DETAIL_JOIN_1(a) sm_##a
#define BYTELOOM_DETAIL_JOIN_2(a, b) sm_##a##_##b
#define BYTELOOM_DETAIL_JOIN_3(a, b, c) sm_##a##_##b##_##c
#define BYTELOOM_DETAIL_JOIN_4(a, b, c, d) sm_##a##_##b##_##c##_##d
#define BYTELOOM_DETAIL_JOIN_5(a, b, c, d, e) sm_##a##_##b##_##c##_##d##_##e
#define BYTELOOM_DETAIL_JOIN_6(a, b, c, d, e, f) sm_##a##_##b##_##c##_##d##_##e##_##f
#define BYTELOOM_DETAIL_JOIN_7(a, b, c, d, e, f, g) sm_##a##_##b##_##c##_##d##_##e##_##f##_##g
#define BYTELOOM_DETAIL_JOIN_8(a, b, c, d, e, f, g, h) sm_##a##_##b##_##c##_##d##_##e##_##f##_##g##_##h
#define BYTELOOM_DETAIL_NTH(a, b, c, d, e, f, g, h, name, ...) name
#define BYTELOOM_DETAIL_JOIN_EXPANDED(...)                                                                 \
  BYTELOOM_DETAIL_NTH(__VA_ARGS__, BYTELOOM_DETAIL_JOIN_8, BYTELOOM_DETAIL_JOIN_7, BYTELOOM_DETAIL_JOIN_6, \
                      BYTELOOM_DETAIL_JOIN_5, BYTELOOM_DETAIL_JOIN_4, BYTELOOM_DETAIL_JOIN_3,              \
                      BYTELOOM_DETAIL_JOIN_2, BYTELOOM_DETAIL_JOIN_1, )                                    \
  (__VA_ARGS__)
#define BYTELOOM_DETAIL_JOIN(...) BYTELOOM_DETAIL_JOIN_EXPANDED(__VA_ARGS__)

#define BYTELOOM_KERNELS_BEGIN inline namespace BYTELOOM_DETAIL_JOIN(__CUDA_ARCH_LIST__) {
#define BYTELOOM_KERNELS_END }

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error \
    "byteloom needs GPUs from Ampere on (compute capability 8.0): compile with -arch=sm_80 or newer, or set CMAKE_CUDA_ARCHITECTURES to 80 or newer."
#endif

#else
#error \
    "byteloom: this header holds kernels, so nvcc must compile the file that includes it; g++ files include the .hpp beside it."
#endif
