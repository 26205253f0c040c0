// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/config: what every header needs before its first declaration: the supported compilers, said in one
// sentence each, and the macro that marks a function as part of a policy.

#if !defined(__linux__)
#error "byteloom supports Linux only; other systems are not tested."
#endif
#if __cplusplus < 202002L
#error "byteloom needs C++20: compile with -std=c++20 or newer."
#endif
#if defined(__clang__)
#if __clang_major__ < 14
#error "byteloom needs clang 14 or newer."
#endif
#elif defined(__GNUC__) && __GNUC__ < 12
#error "byteloom needs g++ 12 or newer."
#endif
#if defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ < 13
#error "byteloom needs CUDA 13.0 or newer."
#endif
#if defined(__FAST_MATH__)
#error "byteloom needs infinities and NaN, which -ffast-math takes away: compile without it."
#endif

// BYTELOOM_HD marks what runs on both backends: every hook of every policy. It implies inlining, because a
// hook that stays a call costs a kernel its registers.
#if defined(__CUDACC__)
#define BYTELOOM_HD __host__ __device__ __forceinline__
#else
#define BYTELOOM_HD inline __attribute__((always_inline))
#endif

// BYTELOOM_EITHER stands before a template marked BYTELOOM_HD that is instantiated with host-only arguments
// on the host and device-only ones on the device: it keeps nvcc from warning about the other side.
#if defined(__CUDACC__)
#define BYTELOOM_EITHER _Pragma("nv_exec_check_disable")
#else
#define BYTELOOM_EITHER
#endif

// BYTELOOM_UNROLL stands before a short loop of constant bounds in a BYTELOOM_HD function, whose arrays a
// kernel then keeps in registers.
#if defined(__CUDACC__)
#define BYTELOOM_UNROLL _Pragma("unroll")
#else
#define BYTELOOM_UNROLL
#endif
