// SPDX-License-Identifier: Apache-2.0
#pragma once

// Our conversions beside those of the toolkit's headers, for one bit pattern or one float; 0 where they
// agree. NaN is compared as a class: the toolkit keeps other payloads.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cstdint>

#include "byteloom/core/bf16.hpp"
#include "byteloom/core/bits.hpp"
#include "byteloom/core/f16.hpp"
#include "byteloom/core/fp8.hpp"

namespace test {

namespace bl = byteloom;

__host__ __device__ inline bool same(float a, float b) {
  return (a != a && b != b) || bl::bit_cast<std::uint32_t>(a) == bl::bit_cast<std::uint32_t>(b);
}

__host__ __device__ inline float half_of(__half_raw x) { return __half2float(__half(x)); }

/// Widening of a 16-bit pattern in both 16-bit formats, and of its low byte in both 8-bit formats.
__host__ __device__ inline int widening_differs(std::uint32_t code) {
  const auto code16 = static_cast<std::uint16_t>(code);
  const auto code8 = static_cast<std::uint8_t>(code);
  __half_raw half;
  half.x = code16;
  __nv_bfloat16_raw brain;
  brain.x = code16;
  return (same(static_cast<float>(bl::f16::from_bits(code16)), half_of(half)) ? 0 : 1) |
         (same(static_cast<float>(bl::bf16::from_bits(code16)), __bfloat162float(__nv_bfloat16(brain))) ? 0
                                                                                                        : 2) |
         (same(static_cast<float>(bl::fp8_e4m3::from_bits(code8)),
               half_of(__nv_cvt_fp8_to_halfraw(code8, __NV_E4M3)))
              ? 0
              : 4) |
         (same(static_cast<float>(bl::fp8_e5m2::from_bits(code8)),
               half_of(__nv_cvt_fp8_to_halfraw(code8, __NV_E5M2)))
              ? 0
              : 8);
}

/// Narrowing of one float to all formats, in both modes where the toolkit has both.
__host__ __device__ inline int narrowing_differs(float x) {
  const auto fp8 = [](float value, __nv_saturation_t saturation, __nv_fp8_interpretation_t kind) {
    return static_cast<std::uint8_t>(__nv_cvt_float_to_fp8(value, saturation, kind));
  };
  const bool nan = x != x;
  int differs = 0;
  const __half_raw half = static_cast<__half_raw>(__float2half_rn(x));
  const __nv_bfloat16_raw brain = static_cast<__nv_bfloat16_raw>(__float2bfloat16_rn(x));
  if (nan) return 0;
  if (bl::f16(x).bits != half.x) differs |= 1;
  if (bl::bf16(x).bits != brain.x) differs |= 2;
  if (bl::fp8_e4m3(x, bl::overflow::saturate).bits != fp8(x, __NV_SATFINITE, __NV_E4M3)) differs |= 4;
  if (bl::fp8_e5m2(x, bl::overflow::saturate).bits != fp8(x, __NV_SATFINITE, __NV_E5M2)) differs |= 8;
  // Without saturation the toolkit's e4m3 gives NaN of either sign beyond the largest.
  const auto special = bl::fp8_e4m3(x, bl::overflow::special).bits;
  const auto theirs = fp8(x, __NV_NOSAT, __NV_E4M3);
  if (special != theirs && ((special & 0x7f) != 0x7f || (theirs & 0x7f) != 0x7f)) differs |= 16;
  if (bl::fp8_e5m2(x, bl::overflow::special).bits != fp8(x, __NV_NOSAT, __NV_E5M2)) differs |= 32;
  return differs;
}

/// The i-th of 2^20 floats that meet every rounding decision: all upper halves, each with sixteen lower
/// halves around none, half and all of the bits that narrowing drops.
__host__ __device__ inline float probe(std::uint32_t i) {
  constexpr std::uint32_t low[16] = {0x0000, 0x0001, 0x7fff, 0x8000, 0x8001, 0xffff, 0x0fff, 0x1000,
                                     0x1001, 0x2fff, 0x3000, 0x3001, 0xefff, 0xf000, 0xf001, 0x5555};
  return bl::bit_cast<float>(((i >> 4) << 16) | low[i & 15]);
}

inline constexpr std::uint32_t probes = 1u << 20;

}  // namespace test
