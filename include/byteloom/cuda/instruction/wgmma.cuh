// SPDX-License-Identifier: Apache-2.0
#pragma once

// cuda/instruction/wgmma: the matrix products of a warpgroup on Hopper (PTX ISA, wgmma.mma_async; sm_90a
// alone). A warpgroup is 4 warps that begin at a warp number divisible by 4; all 128 threads execute each
// function.
//
// The product is asynchronous. The order that keeps it right: fence(), products, commit(), wait<n>(), and
// then settle() on every accumulator that is read, which keeps the compiler from moving reads up.
//
// Accumulators of 64 rows and N columns: thread t holds, for each group j of 8 columns, value[j][0..1] = row
// 16*(warp%4) + lane/4, columns 8j + 2*(lane%4) + {0, 1}, and value[j][2..3] = the same columns of the row 8
// below.

#include <cstdint>
#include <type_traits>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/core/fp8.hpp"
#include "byteloom/cuda/kernels.cuh"

namespace byteloom::inline v0::cuda::instruction {

BYTELOOM_KERNELS_BEGIN

/// Orders ordinary writes of registers before the products that follow.
__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

/// Closes a group of products.
__device__ inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most `Pending` groups are unfinished.
template <int Pending>
__device__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}

/// To be called on accumulators around their products: the compiler moves no use of them across it.
template <int Groups>
__device__ void settle(float (&value)[Groups][4]) {
#pragma unroll
  for (int j = 0; j < Groups; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) asm volatile("" : "+f"(value[j][i])::"memory");
}

/// d (64 x Columns) = a b, or d += a b where `accumulate`. 16 is the depth of one product of 16-bit elements.
/// `shared`: a and b are descriptors (fragment/descriptor.cuh) of shared memory, both with neighbouring
/// elements along the depth. `registers`: a lies in registers, as the accumulators of 16 columns packed in
/// pairs, and b has neighbouring elements along its columns. Products of fp8_e4m3 have a depth of 32, and b
/// neighbouring elements along the depth in both forms; its registers are those of fragment/byte_operand.
template <class T, int Columns>
struct wgmma;

#define BYTELOOM_DETAIL_D(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])

#define BYTELOOM_DETAIL_R1 "%0, %1, %2, %3"
#define BYTELOOM_DETAIL_D1 BYTELOOM_DETAIL_D(0)
#define BYTELOOM_DETAIL_R2 BYTELOOM_DETAIL_R1 ", %4, %5, %6, %7"
#define BYTELOOM_DETAIL_D2 BYTELOOM_DETAIL_D1, BYTELOOM_DETAIL_D(1)
#define BYTELOOM_DETAIL_R3 BYTELOOM_DETAIL_R2 ", %8, %9, %10, %11"
#define BYTELOOM_DETAIL_D3 BYTELOOM_DETAIL_D2, BYTELOOM_DETAIL_D(2)
#define BYTELOOM_DETAIL_R4 BYTELOOM_DETAIL_R3 ", %12, %13, %14, %15"
#define BYTELOOM_DETAIL_D4 BYTELOOM_DETAIL_D3, BYTELOOM_DETAIL_D(3)
#define BYTELOOM_DETAIL_R5 BYTELOOM_DETAIL_R4 ", %16, %17, %18, %19"
#define BYTELOOM_DETAIL_D5 BYTELOOM_DETAIL_D4, BYTELOOM_DETAIL_D(4)
#define BYTELOOM_DETAIL_R6 BYTELOOM_DETAIL_R5 ", %20, %21, %22, %23"
#define BYTELOOM_DETAIL_D6 BYTELOOM_DETAIL_D5, BYTELOOM_DETAIL_D(5)
#define BYTELOOM_DETAIL_R7 BYTELOOM_DETAIL_R6 ", %24, %25, %26, %27"
#define BYTELOOM_DETAIL_D7 BYTELOOM_DETAIL_D6, BYTELOOM_DETAIL_D(6)
#define BYTELOOM_DETAIL_R8 BYTELOOM_DETAIL_R7 ", %28, %29, %30, %31"
#define BYTELOOM_DETAIL_D8 BYTELOOM_DETAIL_D7, BYTELOOM_DETAIL_D(7)
#define BYTELOOM_DETAIL_R9 BYTELOOM_DETAIL_R8 ", %32, %33, %34, %35"
#define BYTELOOM_DETAIL_D9 BYTELOOM_DETAIL_D8, BYTELOOM_DETAIL_D(8)
#define BYTELOOM_DETAIL_R10 BYTELOOM_DETAIL_R9 ", %36, %37, %38, %39"
#define BYTELOOM_DETAIL_D10 BYTELOOM_DETAIL_D9, BYTELOOM_DETAIL_D(9)
#define BYTELOOM_DETAIL_R11 BYTELOOM_DETAIL_R10 ", %40, %41, %42, %43"
#define BYTELOOM_DETAIL_D11 BYTELOOM_DETAIL_D10, BYTELOOM_DETAIL_D(10)
#define BYTELOOM_DETAIL_R12 BYTELOOM_DETAIL_R11 ", %44, %45, %46, %47"
#define BYTELOOM_DETAIL_D12 BYTELOOM_DETAIL_D11, BYTELOOM_DETAIL_D(11)
#define BYTELOOM_DETAIL_R13 BYTELOOM_DETAIL_R12 ", %48, %49, %50, %51"
#define BYTELOOM_DETAIL_D13 BYTELOOM_DETAIL_D12, BYTELOOM_DETAIL_D(12)
#define BYTELOOM_DETAIL_R14 BYTELOOM_DETAIL_R13 ", %52, %53, %54, %55"
#define BYTELOOM_DETAIL_D14 BYTELOOM_DETAIL_D13, BYTELOOM_DETAIL_D(13)
#define BYTELOOM_DETAIL_R15 BYTELOOM_DETAIL_R14 ", %56, %57, %58, %59"
#define BYTELOOM_DETAIL_D15 BYTELOOM_DETAIL_D14, BYTELOOM_DETAIL_D(14)
#define BYTELOOM_DETAIL_R16 BYTELOOM_DETAIL_R15 ", %60, %61, %62, %63"
#define BYTELOOM_DETAIL_D16 BYTELOOM_DETAIL_D15, BYTELOOM_DETAIL_D(15)
#define BYTELOOM_DETAIL_R17 BYTELOOM_DETAIL_R16 ", %64, %65, %66, %67"
#define BYTELOOM_DETAIL_D17 BYTELOOM_DETAIL_D16, BYTELOOM_DETAIL_D(16)
#define BYTELOOM_DETAIL_R18 BYTELOOM_DETAIL_R17 ", %68, %69, %70, %71"
#define BYTELOOM_DETAIL_D18 BYTELOOM_DETAIL_D17, BYTELOOM_DETAIL_D(17)
#define BYTELOOM_DETAIL_R19 BYTELOOM_DETAIL_R18 ", %72, %73, %74, %75"
#define BYTELOOM_DETAIL_D19 BYTELOOM_DETAIL_D18, BYTELOOM_DETAIL_D(18)
#define BYTELOOM_DETAIL_R20 BYTELOOM_DETAIL_R19 ", %76, %77, %78, %79"
#define BYTELOOM_DETAIL_D20 BYTELOOM_DETAIL_D19, BYTELOOM_DETAIL_D(19)
#define BYTELOOM_DETAIL_R21 BYTELOOM_DETAIL_R20 ", %80, %81, %82, %83"
#define BYTELOOM_DETAIL_D21 BYTELOOM_DETAIL_D20, BYTELOOM_DETAIL_D(20)
#define BYTELOOM_DETAIL_R22 BYTELOOM_DETAIL_R21 ", %84, %85, %86, %87"
#define BYTELOOM_DETAIL_D22 BYTELOOM_DETAIL_D21, BYTELOOM_DETAIL_D(21)
#define BYTELOOM_DETAIL_R23 BYTELOOM_DETAIL_R22 ", %88, %89, %90, %91"
#define BYTELOOM_DETAIL_D23 BYTELOOM_DETAIL_D22, BYTELOOM_DETAIL_D(22)
#define BYTELOOM_DETAIL_R24 BYTELOOM_DETAIL_R23 ", %92, %93, %94, %95"
#define BYTELOOM_DETAIL_D24 BYTELOOM_DETAIL_D23, BYTELOOM_DETAIL_D(23)
#define BYTELOOM_DETAIL_R25 BYTELOOM_DETAIL_R24 ", %96, %97, %98, %99"
#define BYTELOOM_DETAIL_D25 BYTELOOM_DETAIL_D24, BYTELOOM_DETAIL_D(24)
#define BYTELOOM_DETAIL_R26 BYTELOOM_DETAIL_R25 ", %100, %101, %102, %103"
#define BYTELOOM_DETAIL_D26 BYTELOOM_DETAIL_D25, BYTELOOM_DETAIL_D(25)
#define BYTELOOM_DETAIL_R27 BYTELOOM_DETAIL_R26 ", %104, %105, %106, %107"
#define BYTELOOM_DETAIL_D27 BYTELOOM_DETAIL_D26, BYTELOOM_DETAIL_D(26)
#define BYTELOOM_DETAIL_R28 BYTELOOM_DETAIL_R27 ", %108, %109, %110, %111"
#define BYTELOOM_DETAIL_D28 BYTELOOM_DETAIL_D27, BYTELOOM_DETAIL_D(27)
#define BYTELOOM_DETAIL_R29 BYTELOOM_DETAIL_R28 ", %112, %113, %114, %115"
#define BYTELOOM_DETAIL_D29 BYTELOOM_DETAIL_D28, BYTELOOM_DETAIL_D(28)
#define BYTELOOM_DETAIL_R30 BYTELOOM_DETAIL_R29 ", %116, %117, %118, %119"
#define BYTELOOM_DETAIL_D30 BYTELOOM_DETAIL_D29, BYTELOOM_DETAIL_D(29)
#define BYTELOOM_DETAIL_R31 BYTELOOM_DETAIL_R30 ", %120, %121, %122, %123"
#define BYTELOOM_DETAIL_D31 BYTELOOM_DETAIL_D30, BYTELOOM_DETAIL_D(30)
#define BYTELOOM_DETAIL_R32 BYTELOOM_DETAIL_R31 ", %124, %125, %126, %127"
#define BYTELOOM_DETAIL_D32 BYTELOOM_DETAIL_D31, BYTELOOM_DETAIL_D(31)

#define BYTELOOM_DETAIL_WGMMA_TYPE(type, N, groups, p0, p1, p2, p3, p4, p5)                                 \
  template <>                                                                                               \
  struct wgmma<type, N> {                                                                                   \
    __device__ static void shared(float (&d)[groups][4], std::uint64_t a, std::uint64_t b,                  \
                                  bool accumulate) {                                                        \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p2                                                 \
                   ", 0;\n"                                                                                 \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." BYTELOOM_DETAIL_NAME_##type            \
                   "." BYTELOOM_DETAIL_NAME_##type " {" BYTELOOM_DETAIL_R##groups "}, %" #p0 ", %" #p1      \
                                                                                  ", p, 1, 1, 0, 0;\n}\n"   \
                   : BYTELOOM_DETAIL_D##groups                                                              \
                   : "l"(a), "l"(b), "r"(accumulate ? 1 : 0));                                              \
    }                                                                                                       \
    __device__ static void registers(float (&d)[groups][4], const std::uint32_t (&a)[4], std::uint64_t b) { \
      asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." BYTELOOM_DETAIL_NAME_##type            \
                   "." BYTELOOM_DETAIL_NAME_##type " {" BYTELOOM_DETAIL_R##groups                           \
                   "}, {%" #p0 ", %" #p1 ", %" #p2 ", %" #p3 "}, %" #p4 ", 1, 1, 1, 1;\n"                   \
                   : BYTELOOM_DETAIL_D##groups                                                              \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                   \
    }                                                                                                       \
  };
#define BYTELOOM_DETAIL_WGMMA_E4M3(N, groups, p0, p1, p2, p3, p4, p5)                                     \
  template <>                                                                                             \
  struct wgmma<fp8_e4m3, N> {                                                                             \
    __device__ static void shared(float (&d)[groups][4], std::uint64_t a, std::uint64_t b,                \
                                  bool accumulate) {                                                      \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p2                                               \
                   ", 0;\n"                                                                               \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" BYTELOOM_DETAIL_R##groups \
                   "}, %" #p0 ", %" #p1 ", p, 1, 1;\n}\n"                                                 \
                   : BYTELOOM_DETAIL_D##groups                                                            \
                   : "l"(a), "l"(b), "r"(accumulate ? 1 : 0));                                            \
    }                                                                                                     \
    __device__ static void registers(float (&d)[groups][4], const std::uint32_t (&a)[4], std::uint64_t b, \
                                     bool accumulate) {                                                   \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p5                                               \
                   ", 0;\n"                                                                               \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32.e4m3.e4m3 {" BYTELOOM_DETAIL_R##groups \
                   "}, {%" #p0 ", %" #p1 ", %" #p2 ", %" #p3 "}, %" #p4 ", p, 1, 1;\n}\n"                 \
                   : BYTELOOM_DETAIL_D##groups                                                            \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate ? 1 : 0));        \
    }                                                                                                     \
  };
#define BYTELOOM_DETAIL_NAME_bf16 "bf16"
#define BYTELOOM_DETAIL_NAME_f16 "f16"
#define BYTELOOM_DETAIL_WGMMA(...)              \
  BYTELOOM_DETAIL_WGMMA_TYPE(bf16, __VA_ARGS__) \
  BYTELOOM_DETAIL_WGMMA_TYPE(f16, __VA_ARGS__)  \
  BYTELOOM_DETAIL_WGMMA_E4M3(__VA_ARGS__)

BYTELOOM_DETAIL_WGMMA(8, 1, 4, 5, 6, 7, 8, 9)
BYTELOOM_DETAIL_WGMMA(16, 2, 8, 9, 10, 11, 12, 13)
BYTELOOM_DETAIL_WGMMA(24, 3, 12, 13, 14, 15, 16, 17)
BYTELOOM_DETAIL_WGMMA(32, 4, 16, 17, 18, 19, 20, 21)
BYTELOOM_DETAIL_WGMMA(40, 5, 20, 21, 22, 23, 24, 25)
BYTELOOM_DETAIL_WGMMA(48, 6, 24, 25, 26, 27, 28, 29)
BYTELOOM_DETAIL_WGMMA(56, 7, 28, 29, 30, 31, 32, 33)
BYTELOOM_DETAIL_WGMMA(64, 8, 32, 33, 34, 35, 36, 37)
BYTELOOM_DETAIL_WGMMA(72, 9, 36, 37, 38, 39, 40, 41)
BYTELOOM_DETAIL_WGMMA(80, 10, 40, 41, 42, 43, 44, 45)
BYTELOOM_DETAIL_WGMMA(88, 11, 44, 45, 46, 47, 48, 49)
BYTELOOM_DETAIL_WGMMA(96, 12, 48, 49, 50, 51, 52, 53)
BYTELOOM_DETAIL_WGMMA(104, 13, 52, 53, 54, 55, 56, 57)
BYTELOOM_DETAIL_WGMMA(112, 14, 56, 57, 58, 59, 60, 61)
BYTELOOM_DETAIL_WGMMA(120, 15, 60, 61, 62, 63, 64, 65)
BYTELOOM_DETAIL_WGMMA(128, 16, 64, 65, 66, 67, 68, 69)
BYTELOOM_DETAIL_WGMMA(136, 17, 68, 69, 70, 71, 72, 73)
BYTELOOM_DETAIL_WGMMA(144, 18, 72, 73, 74, 75, 76, 77)
BYTELOOM_DETAIL_WGMMA(152, 19, 76, 77, 78, 79, 80, 81)
BYTELOOM_DETAIL_WGMMA(160, 20, 80, 81, 82, 83, 84, 85)
BYTELOOM_DETAIL_WGMMA(168, 21, 84, 85, 86, 87, 88, 89)
BYTELOOM_DETAIL_WGMMA(176, 22, 88, 89, 90, 91, 92, 93)
BYTELOOM_DETAIL_WGMMA(184, 23, 92, 93, 94, 95, 96, 97)
BYTELOOM_DETAIL_WGMMA(192, 24, 96, 97, 98, 99, 100, 101)
BYTELOOM_DETAIL_WGMMA(200, 25, 100, 101, 102, 103, 104, 105)
BYTELOOM_DETAIL_WGMMA(208, 26, 104, 105, 106, 107, 108, 109)
BYTELOOM_DETAIL_WGMMA(216, 27, 108, 109, 110, 111, 112, 113)
BYTELOOM_DETAIL_WGMMA(224, 28, 112, 113, 114, 115, 116, 117)
BYTELOOM_DETAIL_WGMMA(232, 29, 116, 117, 118, 119, 120, 121)
BYTELOOM_DETAIL_WGMMA(240, 30, 120, 121, 122, 123, 124, 125)
BYTELOOM_DETAIL_WGMMA(248, 31, 124, 125, 126, 127, 128, 129)
BYTELOOM_DETAIL_WGMMA(256, 32, 128, 129, 130, 131, 132, 133)

#undef BYTELOOM_DETAIL_WGMMA
#undef BYTELOOM_DETAIL_WGMMA_TYPE
#undef BYTELOOM_DETAIL_WGMMA_E4M3
#undef BYTELOOM_DETAIL_NAME_bf16
#undef BYTELOOM_DETAIL_NAME_f16
#undef BYTELOOM_DETAIL_D
#undef BYTELOOM_DETAIL_R1
#undef BYTELOOM_DETAIL_D1
#undef BYTELOOM_DETAIL_R2
#undef BYTELOOM_DETAIL_D2
#undef BYTELOOM_DETAIL_R3
#undef BYTELOOM_DETAIL_D3
#undef BYTELOOM_DETAIL_R4
#undef BYTELOOM_DETAIL_D4
#undef BYTELOOM_DETAIL_R5
#undef BYTELOOM_DETAIL_D5
#undef BYTELOOM_DETAIL_R6
#undef BYTELOOM_DETAIL_D6
#undef BYTELOOM_DETAIL_R7
#undef BYTELOOM_DETAIL_D7
#undef BYTELOOM_DETAIL_R8
#undef BYTELOOM_DETAIL_D8
#undef BYTELOOM_DETAIL_R9
#undef BYTELOOM_DETAIL_D9
#undef BYTELOOM_DETAIL_R10
#undef BYTELOOM_DETAIL_D10
#undef BYTELOOM_DETAIL_R11
#undef BYTELOOM_DETAIL_D11
#undef BYTELOOM_DETAIL_R12
#undef BYTELOOM_DETAIL_D12
#undef BYTELOOM_DETAIL_R13
#undef BYTELOOM_DETAIL_D13
#undef BYTELOOM_DETAIL_R14
#undef BYTELOOM_DETAIL_D14
#undef BYTELOOM_DETAIL_R15
#undef BYTELOOM_DETAIL_D15
#undef BYTELOOM_DETAIL_R16
#undef BYTELOOM_DETAIL_D16
#undef BYTELOOM_DETAIL_R17
#undef BYTELOOM_DETAIL_D17
#undef BYTELOOM_DETAIL_R18
#undef BYTELOOM_DETAIL_D18
#undef BYTELOOM_DETAIL_R19
#undef BYTELOOM_DETAIL_D19
#undef BYTELOOM_DETAIL_R20
#undef BYTELOOM_DETAIL_D20
#undef BYTELOOM_DETAIL_R21
#undef BYTELOOM_DETAIL_D21
#undef BYTELOOM_DETAIL_R22
#undef BYTELOOM_DETAIL_D22
#undef BYTELOOM_DETAIL_R23
#undef BYTELOOM_DETAIL_D23
#undef BYTELOOM_DETAIL_R24
#undef BYTELOOM_DETAIL_D24
#undef BYTELOOM_DETAIL_R25
#undef BYTELOOM_DETAIL_D25
#undef BYTELOOM_DETAIL_R26
#undef BYTELOOM_DETAIL_D26
#undef BYTELOOM_DETAIL_R27
#undef BYTELOOM_DETAIL_D27
#undef BYTELOOM_DETAIL_R28
#undef BYTELOOM_DETAIL_D28
#undef BYTELOOM_DETAIL_R29
#undef BYTELOOM_DETAIL_D29
#undef BYTELOOM_DETAIL_R30
#undef BYTELOOM_DETAIL_D30
#undef BYTELOOM_DETAIL_R31
#undef BYTELOOM_DETAIL_D31
#undef BYTELOOM_DETAIL_R32
#undef BYTELOOM_DETAIL_D32

BYTELOOM_KERNELS_END

}  // namespace byteloom::inline v0::cuda::instruction
