#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cstdint>
#include <vector>

namespace etude::reference {

/// a: [batch, M, K], b: [batch, K, N], c: [batch, M, N], all row-major -> alpha * a * b + beta * c.
template <class Scalar>
std::vector<Scalar> matmul(const std::vector<Scalar>& a, const std::vector<Scalar>& b,
                           const std::vector<Scalar>& c, std::int64_t batch, std::int64_t M,
                           std::int64_t N, std::int64_t K, Scalar alpha, Scalar beta) {
  std::vector<Scalar> y(batch * M * N);
  for (std::int64_t i = 0; i < batch; ++i) {
    for (std::int64_t m = 0; m < M; ++m) {
      for (std::int64_t n = 0; n < N; ++n) {
        Scalar sum = 0;
        for (std::int64_t k = 0; k < K; ++k) {
          sum += a[(i * M + m) * K + k] * b[(i * K + k) * N + n];
        }
        const std::int64_t at = (i * M + m) * N + n;
        y[at] = alpha * sum + (beta != 0 ? beta * c[at] : 0);
      }
    }
  }
  return y;
}

}  // namespace etude::reference
