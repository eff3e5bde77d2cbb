#pragma once
// exp, log, tanh and their kin for float, without branches, tables or library calls: GCC turns a
// loop over them into vector code, and the card runs the same operations. Every product that feeds
// a sum is an explicit fma, so no compiler is left a choice of rounding: where the host has fma, a
// float result is the same bits on both devices. The polynomials are minimax fits of our own;
// errors are in units in the last place (ulp), seen over all exponents by
// tests/kernels/elementwise_test.cpp. For double the same names call the standard library.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/host_device.h"

namespace etude::math {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

HOST_DEVICE inline std::uint32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(x);
#else
  return std::bit_cast<std::uint32_t>(x);
#endif
}

HOST_DEVICE inline float float_of(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// a * b + c rounded once; on a host without the instruction (a library call) rounded twice.
HOST_DEVICE inline float fma(float a, float b, float c) {
#if defined(__CUDA_ARCH__) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}
HOST_DEVICE inline double fma(double a, double b, double c) { return a * b + c; }

/// c ? a : b, both computed: a conditional expression GCC may turn into a branch, as one side might
/// trap, and a loop with a branch stays scalar.
HOST_DEVICE inline float select(bool c, float a, float b) {
#ifdef __CUDA_ARCH__
  return c ? a : b;
#else
  const std::uint32_t mask = c ? ~0u : 0u;
  return float_of((bits_of(a) & mask) | (bits_of(b) & ~mask));
#endif
}
HOST_DEVICE inline double select(bool c, double a, double b) { return c ? a : b; }

/// c + x (d + x (...)): the coefficients from the constant term up. (A loop over an array would not
/// be unrolled before the vectoriser looks.)
HOST_DEVICE inline float polynomial(float, float c) { return c; }
template <class... Rest>
HOST_DEVICE inline float polynomial(float x, float c, Rest... rest) {
  return fma(x, polynomial(x, rest...), c);
}

/// |x| and copysign as bit operations.
HOST_DEVICE inline float abs(float x) { return float_of(bits_of(x) & 0x7fffffffu); }
HOST_DEVICE inline double abs(double x) { return std::fabs(x); }
HOST_DEVICE inline float with_sign_of(float magnitude, float sign) {
  return float_of((bits_of(magnitude) & 0x7fffffffu) | (bits_of(sign) & 0x80000000u));
}

/// x = n log 2 + r with |r| <= log(2) / 2, and exp(r) - 1. For |x| < 2^21.
struct ExpParts {
  std::int32_t n;
  float expm1_r;
};
HOST_DEVICE inline ExpParts exp_parts(float x) {
  constexpr float kLog2E = 0x1.715476p+0f;
  constexpr float kLn2High = 0x1.62e400p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // n * high is exact
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the integer in the low bits
  const float shifted = fma(x, kLog2E, kRound);
  const float n = shifted - kRound;
  const float r = fma(n, -kLn2Low, fma(n, -kLn2High, x));
  const float p = polynomial(r, 0x1p-1f, 0x1.5554aep-3f, 0x1.555486p-5f, 0x1.12290ep-7f,
                             0x1.6d9a84p-10f);  // (exp(r) - 1 - r) / r^2 within 2^-26 |r|
  return {static_cast<std::int32_t>(bits_of(shifted) - bits_of(kRound)), fma(r * r, p, r)};
}

/// 2^n for -126 <= n <= 127.
HOST_DEVICE inline float power_of_two(std::int32_t n) {
  return float_of(static_cast<std::uint32_t>(n + 127) << 23);
}

/// exp(x), 1 ulp; denormal results are rounded once; NaN stays NaN.
HOST_DEVICE inline float exp(float x) {
  x = select(x < -104.0f, -104.0f, x);  // exp is 0 there
  x = select(x > 89.0f, 89.0f, x);      // and infinite there
  const ExpParts parts = exp_parts(x);
  const std::int32_t half = parts.n >> 1;  // 2^n itself may be out of range
  return (1.0f + parts.expm1_r) * power_of_two(half) * power_of_two(parts.n - half);
}
HOST_DEVICE inline double exp(double x) { return std::exp(x); }

/// log(x) + shift * log 2 for a normal, positive, finite x; 1 ulp.
HOST_DEVICE inline float log_normal_range(float x, float shift = 0) {
  constexpr std::uint32_t kSqrtHalf = 0x3f3504f3u;  // x = 2^e m with m in [sqrt(1/2), sqrt(2))
  constexpr float kLn2High = 0x1.62e400p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  const std::uint32_t bits = bits_of(x) - kSqrtHalf;
  const float e = static_cast<float>(static_cast<std::int32_t>(bits) >> 23) + shift;
  const float f = float_of((bits & 0x7fffffu) + kSqrtHalf) - 1.0f;
  const float q =
      polynomial(f, 0x1.555546p-2f, -0x1.ffffeep-3f, 0x1.99a546p-3f, -0x1.5562e4p-3f,
                 0x1.2332c0p-3f, -0x1.fb432cp-4f, 0x1.e650a8p-4f, -0x1.e2e9acp-4f, 0x1.1b42acp-4f);
  // log(1 + f) = f - f^2 / 2 + f^3 q(f)
  const float tail = fma(e, kLn2Low, f * f * fma(f, q, -0.5f));
  return fma(e, kLn2High, f + tail);
}

/// log(x), 1 ulp, denormals included; log(0) = -inf, of a negative number NaN.
HOST_DEVICE inline float log(float x) {
  const bool small = x < 0x1p-126f;
  const float y = log_normal_range(select(small, x * 0x1p25f, x), select(small, -25.0f, 0.0f));
  const float edge = select(x == 0, -kInfinity, std::numeric_limits<float>::quiet_NaN());
  return select(x == kInfinity, x, select(x > 0, y, edge));
}
HOST_DEVICE inline double log(double x) { return std::log(x); }

/// tanh(x) = expm1(2|x|) / (expm1(2|x|) + 2) with the sign of x; 3 ulp.
HOST_DEVICE inline float tanh(float x) {
  const float magnitude = abs(x);
  const float argument =
      select(magnitude > 10.0f, 20.0f, 2.0f * magnitude);  // tanh(10) rounds to 1
  const ExpParts parts = exp_parts(argument);
  const float scale = power_of_two(parts.n);
  const float expm1 = fma(scale, parts.expm1_r, scale - 1.0f);
  const float y = expm1 / (expm1 + 2.0f);
  return select(x != x, x, with_sign_of(y, x));
}
HOST_DEVICE inline double tanh(double x) { return std::tanh(x); }

/// 1 / (1 + exp(-x)), 3 ulp; neither tail overflows or cancels.
HOST_DEVICE inline float sigmoid(float x) {
  const float e = exp(-abs(x));
  return select(x < 0, e, 1.0f) / (1.0f + e);
}
HOST_DEVICE inline double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

/// log(1 + exp(x)), 3 ulp.
HOST_DEVICE inline float softplus(float x) {
  const float e = exp(-abs(x));
  const float u = 1.0f + e;  // log1p(e) = log(u) + what rounding u has lost, over u
  const float log1p = log_normal_range(u) + (e - (u - 1.0f)) / u;
  return select(x > 0, x, 0.0f) + select(x != x, x, log1p);
}
HOST_DEVICE inline double softplus(double x) {
  return (x > 0 ? x : 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

/// exp(-x^2 / 2): the rounding error of x^2 is put back, as it would be a relative one.
HOST_DEVICE inline float exp_half_square(float x) {
  const float bounded = select(abs(x) > 15.0f, 15.0f, x);  // 0 beyond 14.5; keeps inf - inf out
  const float square = bounded * bounded;
  const float e = exp(-0.5f * square);
  return fma(e, -0.5f * fma(bounded, bounded, -square), e);
}

/// The distribution function of the standard normal, (1 + erf(x / sqrt 2)) / 2; 7 ulp in either
/// tail.
HOST_DEVICE inline float normal_cdf(float x) {
  const float bounded = select(abs(x) > 15.0f, 15.0f, x);
  const float t = 1.0f / fma(0.35f, abs(bounded), 1.0f);
  const float g = polynomial(t, -0x1.8679e2p-20f, 0x1.1e02b4p-3f, 0x1.1dd26ep-3f, 0x1.f13248p-4f,
                             0x1.9c061cp-4f, -0x1.b075bcp-7f, 0x1.2bd526p-3f, -0x1.f6dd38p-3f,
                             0x1.1d820ap-3f, -0x1.cf1984p-6f);
  const float e = exp_half_square(x);  // the tail beyond |x| is e g
  const float below = fma(-e, g, 1.0f), tail = e * g;
  return select(x > 0, below, tail);
}
HOST_DEVICE inline double normal_cdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752); }

/// GPT-2's approximation of normal_cdf: (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3),
/// as sigmoid(2 u), which does not cancel where tanh is near -1.
/// Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016, section 2.
template <class T>
HOST_DEVICE T normal_cdf_by_tanh(T x) {
  constexpr T kTwice = static_cast<T>(2 * 0.79788456080286536);
  return sigmoid(kTwice * fma(static_cast<T>(0.044715) * x * x, x, x));
}

/// The density of the standard normal.
HOST_DEVICE inline float normal_pdf(float x) { return 0.398942280f * exp_half_square(x); }
HOST_DEVICE inline double normal_pdf(double x) {
  return 0.39894228040143268 * std::exp(-0.5 * x * x);
}

}  // namespace etude::math
