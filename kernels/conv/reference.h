#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cstdint>
#include <vector>

#include "kernels/conv/cases.h"

namespace etude::reference {

/// Calls f(i, j, l) for every product x[i] * w[j] that y[l] sums.
template <class F>
void for_conv_products(const conv_cases::Case& c, F f) {
  const std::int64_t Cg = c.C / c.params.groups, Kg = c.K / c.params.groups;
  const auto [P, Q] = c.output_extents();
  for (std::int64_t b = 0; b < c.B; ++b) {
    for (std::int64_t k = 0; k < c.K; ++k) {
      for (std::int64_t p = 0; p < P; ++p) {
        for (std::int64_t q = 0; q < Q; ++q) {
          for (std::int64_t cc = 0; cc < Cg; ++cc) {
            for (std::int64_t r = 0; r < c.R; ++r) {
              for (std::int64_t s = 0; s < c.S; ++s) {
                const std::int64_t h =
                    p * c.params.stride_h - c.params.pad_h + r * c.params.dilation_h;
                const std::int64_t w =
                    q * c.params.stride_w - c.params.pad_w + s * c.params.dilation_w;
                if (h < 0 || h >= c.H || w < 0 || w >= c.W) continue;
                f(((b * c.C + k / Kg * Cg + cc) * c.H + h) * c.W + w,
                  ((k * Cg + cc) * c.R + r) * c.S + s, ((b * c.K + k) * P + p) * Q + q);
              }
            }
          }
        }
      }
    }
  }
}

template <class Scalar>
std::vector<Scalar> conv(const conv_cases::Case& c, const std::vector<Scalar>& x,
                         const std::vector<Scalar>& w) {
  std::vector<Scalar> y(numel(c.y()));
  for_conv_products(c, [&](auto i, auto j, auto l) { y[l] += x[i] * w[j]; });
  return y;
}

template <class Scalar>
std::vector<Scalar> conv_input_grad(const conv_cases::Case& c, const std::vector<Scalar>& dy,
                                    const std::vector<Scalar>& w) {
  std::vector<Scalar> dx(numel(c.x()));
  for_conv_products(c, [&](auto i, auto j, auto l) { dx[i] += dy[l] * w[j]; });
  return dx;
}

template <class Scalar>
std::vector<Scalar> conv_weight_grad(const conv_cases::Case& c, const std::vector<Scalar>& x,
                                     const std::vector<Scalar>& dy) {
  std::vector<Scalar> dw(numel(c.w()));
  for_conv_products(c, [&](auto i, auto j, auto l) { dw[j] += dy[l] * x[i]; });
  return dw;
}

}  // namespace etude::reference
