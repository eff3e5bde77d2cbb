#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/norm/norm.h"

namespace etude::reference {

template <class Scalar>
struct BatchNorm {
  std::vector<Scalar> y, mean, rstd, running_mean, running_var;
};
template <class Scalar>
struct BatchNormGrad {
  std::vector<Scalar> dx, dgamma, dbeta;
};

/// x: [B, C, L]; the running statistics are those before the step.
template <class Scalar>
BatchNorm<Scalar> batch_norm_train(const std::vector<Scalar>& x, const std::vector<Scalar>& gamma,
                                   const std::vector<Scalar>& beta,
                                   const std::vector<Scalar>& running_mean,
                                   const std::vector<Scalar>& running_var, std::int64_t B,
                                   std::int64_t C, std::int64_t L, const BatchNormParams& params) {
  BatchNorm<Scalar> r{x, std::vector<Scalar>(C), std::vector<Scalar>(C), running_mean, running_var};
  const Scalar n = static_cast<Scalar>(B * L);
  for (std::int64_t c = 0; c < C; ++c) {
    const auto for_channel = [&](auto body) {
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t l = 0; l < L; ++l) body((b * C + c) * L + l);
      }
    };
    Scalar sum = 0, squares = 0;
    for_channel([&](std::int64_t i) { sum += x[i]; });
    const Scalar mean = sum / n;
    for_channel([&](std::int64_t i) { squares += (x[i] - mean) * (x[i] - mean); });
    const Scalar rstd = 1 / std::sqrt(squares / n + params.eps);
    for_channel([&](std::int64_t i) {
      const Scalar z = (x[i] - mean) * rstd * gamma[c] + beta[c];
      r.y[i] = z > 0 ? z : params.slope * z;
    });
    r.mean[c] = mean;
    r.rstd[c] = rstd;
    r.running_mean[c] = (1 - params.momentum) * running_mean[c] + params.momentum * mean;
    r.running_var[c] = (1 - params.momentum) * running_var[c] + params.momentum * squares / (n - 1);
  }
  return r;
}

/// mean and rstd: as above. The chain rule written out: dz through the rectifier, then
/// dx = gamma rstd (dz - mean(dz) - xhat mean(dz xhat)).
template <class Scalar>
BatchNormGrad<Scalar> batch_norm_grad(const std::vector<Scalar>& dy, const std::vector<Scalar>& x,
                                      const std::vector<Scalar>& gamma,
                                      const std::vector<Scalar>& beta,
                                      const std::vector<Scalar>& mean,
                                      const std::vector<Scalar>& rstd, std::int64_t B,
                                      std::int64_t C, std::int64_t L,
                                      const BatchNormParams& params) {
  BatchNormGrad<Scalar> g{dy, std::vector<Scalar>(C), std::vector<Scalar>(C)};
  const Scalar n = static_cast<Scalar>(B * L);
  for (std::int64_t c = 0; c < C; ++c) {
    const auto for_channel = [&](auto body) {
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t l = 0; l < L; ++l) {
          const std::int64_t i = (b * C + c) * L + l;
          const Scalar xhat = (x[i] - mean[c]) * rstd[c];
          body(i, xhat, xhat * gamma[c] + beta[c] > 0 ? dy[i] : params.slope * dy[i]);
        }
      }
    };
    for_channel([&](std::int64_t, Scalar xhat, Scalar dz) {
      g.dbeta[c] += dz;
      g.dgamma[c] += dz * xhat;
    });
    for_channel([&](std::int64_t i, Scalar xhat, Scalar dz) {
      g.dx[i] = gamma[c] * rstd[c] * (dz - g.dbeta[c] / n - xhat * g.dgamma[c] / n);
    });
  }
  return g;
}

}  // namespace etude::reference
