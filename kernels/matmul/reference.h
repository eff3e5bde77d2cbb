#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/matmul/matmul.h"

namespace etude::reference {

/// The definitions: 0.70710678118654752 = sqrt(1 / 2), 0.79788456080286536 = sqrt(2 / pi).
template <class Scalar>
Scalar activate(Activation activation, Scalar x) {
  switch (activation) {
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::gelu:
      return x * (1 + std::erf(x * Scalar(0.70710678118654752))) / 2;
    case Activation::gelu_tanh:
      return x * (1 + std::tanh(Scalar(0.79788456080286536) * (x + Scalar(0.044715) * x * x * x))) /
             2;
    default:
      return x;
  }
}

/// a: [batch, M, K], b: [batch, K, N], c and residual: [batch, M, N], bias: [N], all row-major ->
/// residual + activation(alpha * a * b + beta * c + bias); an empty bias or residual is none.
template <class Scalar>
std::vector<Scalar> matmul(const std::vector<Scalar>& a, const std::vector<Scalar>& b,
                           const std::vector<Scalar>& c, std::int64_t batch, std::int64_t M,
                           std::int64_t N, std::int64_t K, Scalar alpha, Scalar beta,
                           const std::vector<Scalar>& bias = {},
                           Activation activation = Activation::none,
                           const std::vector<Scalar>& residual = {}) {
  std::vector<Scalar> y(batch * M * N);
  for (std::int64_t i = 0; i < batch; ++i) {
    for (std::int64_t m = 0; m < M; ++m) {
      for (std::int64_t n = 0; n < N; ++n) {
        Scalar sum = 0;
        for (std::int64_t k = 0; k < K; ++k) {
          sum += a[(i * M + m) * K + k] * b[(i * K + k) * N + n];
        }
        const std::int64_t at = (i * M + m) * N + n;
        Scalar x = alpha * sum + (beta != 0 ? beta * c[at] : 0);
        if (!bias.empty()) x += bias[n];
        y[at] = activate(activation, x) + (residual.empty() ? 0 : residual[at]);
      }
    }
  }
  return y;
}

}  // namespace etude::reference
