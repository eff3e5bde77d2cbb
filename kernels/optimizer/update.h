#pragma once
// The arithmetic of one parameter, for both backends.

#include <cmath>
#include <cstdint>

#include "kernels/core/host_device.h"
#include "kernels/optimizer/optimizer.h"

namespace etude {

/// The constants of one Adam step, computed in double: 1 - beta2 and the bias corrections would
/// lose digits in float.
template <class T>
struct AdamStep {
  T beta1, one_minus_beta1, beta2, one_minus_beta2;
  T keep;        // 1 - lr weight_decay
  T rate;        // lr / (1 - beta1^step)
  T root_scale;  // 1 / sqrt(1 - beta2^step)
  T eps;

  AdamStep(const AdamParams& p, std::int64_t step)
      : beta1(static_cast<T>(p.beta1)),
        one_minus_beta1(static_cast<T>(1 - p.beta1)),
        beta2(static_cast<T>(p.beta2)),
        one_minus_beta2(static_cast<T>(1 - p.beta2)),
        keep(static_cast<T>(1 - p.lr * p.weight_decay)),
        rate(static_cast<T>(p.lr / (1 - std::pow(p.beta1, static_cast<double>(step))))),
        root_scale(static_cast<T>(1 / std::sqrt(1 - std::pow(p.beta2, static_cast<double>(step))))),
        eps(static_cast<T>(p.eps)) {}

  HOST_DEVICE void update(T& w, T dw, T& m, T& v) const {
    m = beta1 * m + one_minus_beta1 * dw;
    v = beta2 * v + one_minus_beta2 * dw * dw;
    w = keep * w - rate * m / (sqrt(v) * root_scale + eps);
  }
};

/// min(1, max_norm / (norm + 1e-6)); NaN for a NaN norm.
template <class T>
HOST_DEVICE inline T clip_factor(T norm, T max_norm) {
  const T factor = max_norm / (norm + static_cast<T>(1e-6));
  return factor > 1 ? T{1} : factor;
}

}  // namespace etude
