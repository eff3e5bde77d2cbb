#pragma once
// Learning rates as pure functions of the step: nothing to save, nothing to resume.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace etude {

/// From a to b along half a cosine, t in [0, 1].
inline double cosine_between(double a, double b, double t) {
  return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * std::clamp(t, 0.0, 1.0)));
}

/// Rises linearly over `warmup` steps to `lr`, then falls along half a cosine to `floor` at
/// `total`. Source: Loshchilov & Hutter, "SGDR", 2017, eq. 5, one period.
inline double warmup_cosine(std::int64_t step, std::int64_t warmup, std::int64_t total, double lr,
                            double floor = 0) {
  if (step < warmup) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  return cosine_between(lr, floor, static_cast<double>(step - warmup) / rest);
}

/// Falls linearly from `lr` to `floor` between steps `begin` and `total`; constant before.
inline double linear_decay(std::int64_t step, std::int64_t begin, std::int64_t total, double lr,
                           double floor = 0) {
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total - begin));
  return lr + (floor - lr) * std::clamp(static_cast<double>(step - begin) / span, 0.0, 1.0);
}

/// PyTorch's OneCycleLR with cosine annealing: from lr / start to lr over the first `rise` of the
/// steps, then down to lr / start / end. Source: Smith & Topin, "Super-convergence", 2018.
struct OneCycle {
  double lr;
  double rise = 0.3, start = 25, end = 1e4;
};
/// The way of `step` of `total` from `first` over `peak` to `last`, by the cycle's rise.
inline double along_cycle(const OneCycle& cycle, std::int64_t step, std::int64_t total,
                          double first, double peak, double last) {
  const double up = cycle.rise * static_cast<double>(total) - 1;
  const double down = static_cast<double>(total) - 1 - up;
  const auto at = static_cast<double>(step);
  if (at <= up) return cosine_between(first, peak, up > 0 ? at / up : 1);
  return cosine_between(peak, last, down > 0 ? (at - up) / down : 1);
}
inline double one_cycle(std::int64_t step, std::int64_t total, const OneCycle& cycle) {
  const double first = cycle.lr / cycle.start;
  return along_cycle(cycle, step, total, first, cycle.lr, first / cycle.end);
}
/// Adam's beta1 beside it, as in PyTorch: high where the rate is low, from .95 to .85 and back.
inline double one_cycle_beta1(std::int64_t step, std::int64_t total, const OneCycle& cycle) {
  return along_cycle(cycle, step, total, 0.95, 0.85, 0.95);
}

}  // namespace etude
