#include "kernels/rotary/rotary.h"

#include <algorithm>

#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"

namespace etude {
namespace {

/// One query or key.
template <class S, class C>
void turn(const S* x, S* y, const C* cosines, const C* sines, std::int64_t half) {
#pragma omp simd
  for (std::int64_t i = 0; i < half; ++i) {
    const C a = static_cast<C>(x[i]), b = static_cast<C>(x[i + half]);
    y[i] = static_cast<S>(a * cosines[i] - b * sines[i]);
    y[i + half] = static_cast<S>(b * cosines[i] + a * sines[i]);
  }
}

}  // namespace

void cpu::rotary(Stream&, const View& x, const View& y, const RotaryParams& params) {
  dispatch<float, double, bf16>("rotary", x.dtype, [&]<class S>() {
    using C = compute_t<S>;
    const std::int64_t T = x.dim(1), heads = x.dim(3), D = x.dim(4), half = D / 2;
    static thread_local Scratch scratch;
    C* table = scratch.at_least<C>(T * D);  // cosines and sines of each place
    parallel_for(T, 64 * T * half, [&](std::int64_t t) {
      for (std::int64_t i = 0; i < half; ++i) {
        const double angle = detail::rotary_angle(params, t, i, D);
        table[t * D + i] = static_cast<C>(std::cos(angle));
        table[t * D + half + i] = static_cast<C>(std::sin(angle));
      }
    });
    const S* from = x.as<S>();
    S* to = y.as<S>();
    parallel_for(x.dim(0) * T, x.numel(), [&](std::int64_t row) {
      const C* own = table + row % T * D;
      const std::int64_t at = row * 3 * heads * D;
      for (std::int64_t head = 0; head < 2 * heads; ++head) {
        turn(from + at + head * D, to + at + head * D, own, own + half, half);
      }
      const std::int64_t values = at + 2 * heads * D;
      if (from != to) std::copy_n(from + values, heads * D, to + values);
    });
  });
}

}  // namespace etude
