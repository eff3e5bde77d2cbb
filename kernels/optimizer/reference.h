#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/optimizer/optimizer.h"

namespace etude::reference {

template <class Scalar>
void adam(std::vector<Scalar>& w, const std::vector<Scalar>& dw, std::vector<Scalar>& m,
          std::vector<Scalar>& v, const AdamParams& p, std::int64_t step) {
  const Scalar t = static_cast<Scalar>(step);
  for (std::size_t i = 0; i < w.size(); ++i) {
    m[i] = p.beta1 * m[i] + (1 - p.beta1) * dw[i];
    v[i] = p.beta2 * v[i] + (1 - p.beta2) * dw[i] * dw[i];
    const Scalar mean = m[i] / (1 - std::pow(p.beta1, t));
    const Scalar square = v[i] / (1 - std::pow(p.beta2, t));
    w[i] -= p.lr * p.weight_decay * w[i];
    w[i] -= p.lr * mean / (std::sqrt(square) + p.eps);
  }
}

template <class Scalar>
Scalar gradient_norm(const std::vector<Scalar>& dw) {
  Scalar sum = 0;
  for (Scalar value : dw) sum += value * value;
  return std::sqrt(sum);
}

template <class Scalar>
void clip_gradient(std::vector<Scalar>& dw, Scalar norm, double max_norm) {
  for (Scalar& value : dw) value *= std::min(1.0, max_norm / (norm + 1e-6));
}

}  // namespace etude::reference
