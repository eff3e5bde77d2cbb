#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cmath>
#include <cstdint>
#include <vector>

namespace etude::reference {

/// Operands of one normalisation, row-major; shapes as in layer_norm.h.
template <class Scalar>
struct LayerNorm {
  using Values = std::vector<Scalar>;
  std::int64_t rows, C;
  double eps;
  Values x, gamma, beta;
  Values mean, rstd, y;
  Values dx, dgamma, dbeta;

  void forward() {
    mean.assign(rows, 0), rstd.assign(rows, 0), y.assign(rows * C, 0);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Scalar* row = x.data() + r * C;
      Scalar sum = 0, squares = 0;
      for (std::int64_t c = 0; c < C; ++c) sum += row[c];
      mean[r] = sum / C;
      for (std::int64_t c = 0; c < C; ++c) squares += (row[c] - mean[r]) * (row[c] - mean[r]);
      rstd[r] = 1 / std::sqrt(squares / C + eps);
      for (std::int64_t c = 0; c < C; ++c) {
        y[r * C + c] = (row[c] - mean[r]) * rstd[r] * gamma[c] + beta[c];
      }
    }
  }

  /// After forward().
  void backward(const Values& dy) {
    dx.assign(rows * C, 0), dgamma.assign(C, 0), dbeta.assign(C, 0);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto normal = [&](std::int64_t c) { return (x[r * C + c] - mean[r]) * rstd[r]; };
      Scalar sum = 0, along = 0;  // of the normalised row's gradient: itself, times the row
      for (std::int64_t c = 0; c < C; ++c) {
        const Scalar d = dy[r * C + c];
        dbeta[c] += d;
        dgamma[c] += d * normal(c);
        sum += d * gamma[c];
        along += d * gamma[c] * normal(c);
      }
      for (std::int64_t c = 0; c < C; ++c) {
        dx[r * C + c] = rstd[r] * (dy[r * C + c] * gamma[c] - sum / C - normal(c) * along / C);
      }
    }
  }
};

}  // namespace etude::reference
