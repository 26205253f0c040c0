// SPDX-License-Identifier: Apache-2.0
#pragma once

// core/math: the elementary functions that policies call. On the host they are the standard library's; on the
// device exp2, exp, tanh, rsqrt and divide in float are the hardware's approximations (relative error about
// 2^-22; tanh absolute 2^-11; divisors below 2^126), chosen here and not by a compiler flag. nvcc's
// -use_fast_math still makes log, sin, cos, sqrt and plain division in a user's file less exact.

#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>

#include "byteloom/core/config.hpp"

namespace byteloom::inline v0::math {

template <std::floating_point Real>
inline constexpr Real infinity = std::numeric_limits<Real>::infinity();

template <std::floating_point Real>
inline constexpr Real log2_e = Real(1.442695040888963407359924681001892137);

BYTELOOM_HD constexpr auto max(auto a, decltype(a) b) { return a < b ? b : a; }
BYTELOOM_HD constexpr auto min(auto a, decltype(a) b) { return b < a ? b : a; }

#if defined(__CUDA_ARCH__)
BYTELOOM_HD float exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
BYTELOOM_HD float exp(float x) { return math::exp2(x * log2_e<float>); }
BYTELOOM_HD float tanh(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
BYTELOOM_HD float divide(float a, float b) { return ::__fdividef(a, b); }
BYTELOOM_HD double divide(double a, double b) { return a / b; }
BYTELOOM_HD float rsqrt(float x) { return ::rsqrtf(x); }
BYTELOOM_HD double rsqrt(double x) { return ::rsqrt(x); }
BYTELOOM_HD double exp2(double x) { return ::exp2(x); }
BYTELOOM_HD double exp(double x) { return ::exp(x); }
BYTELOOM_HD double tanh(double x) { return ::tanh(x); }
#else
BYTELOOM_HD auto exp2(std::floating_point auto x) { return std::exp2(x); }
BYTELOOM_HD auto exp(std::floating_point auto x) { return std::exp(x); }
BYTELOOM_HD auto tanh(std::floating_point auto x) { return std::tanh(x); }
template <std::floating_point Real>
BYTELOOM_HD Real divide(Real a, Real b) {
  return a / b;
}
template <std::floating_point Real>
BYTELOOM_HD Real rsqrt(Real x) {
  return Real(1) / std::sqrt(x);
}
#endif

BYTELOOM_HD float log(float x) { return ::logf(x); }
BYTELOOM_HD double log(double x) { return ::log(x); }
BYTELOOM_HD float log1p(float x) { return ::log1pf(x); }
BYTELOOM_HD double log1p(double x) { return ::log1p(x); }
BYTELOOM_HD float sqrt(float x) { return ::sqrtf(x); }
BYTELOOM_HD double sqrt(double x) { return ::sqrt(x); }
BYTELOOM_HD float sin(float x) { return ::sinf(x); }
BYTELOOM_HD double sin(double x) { return ::sin(x); }
BYTELOOM_HD float cos(float x) { return ::cosf(x); }
BYTELOOM_HD double cos(double x) { return ::cos(x); }
BYTELOOM_HD float erf(float x) { return ::erff(x); }
BYTELOOM_HD double erf(double x) { return ::erf(x); }
BYTELOOM_HD float floor(float x) { return ::floorf(x); }
BYTELOOM_HD double floor(double x) { return ::floor(x); }

/// sin and cos of pi * x: exact reduction, so that no large argument loses digits.
#if defined(__CUDA_ARCH__)
BYTELOOM_HD float sinpi(float x) { return ::sinpif(x); }
BYTELOOM_HD double sinpi(double x) { return ::sinpi(x); }
BYTELOOM_HD float cospi(float x) { return ::cospif(x); }
BYTELOOM_HD double cospi(double x) { return ::cospi(x); }
#else
template <std::floating_point Real>
BYTELOOM_HD Real sinpi(Real x) {
  return std::sin(std::numbers::pi_v<Real> * (x - 2 * std::round(x / 2)));
}
template <std::floating_point Real>
BYTELOOM_HD Real cospi(Real x) {
  return std::cos(std::numbers::pi_v<Real> * (x - 2 * std::round(x / 2)));
}
#endif

BYTELOOM_HD constexpr auto abs(std::floating_point auto x) { return x < 0 ? -x : x; }

}  // namespace byteloom::inline v0::math
