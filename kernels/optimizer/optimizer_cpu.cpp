#include "kernels/optimizer/optimizer.h"

#include <cmath>

#include "kernels/optimizer/update.h"
#include "kernels/reduce/reduce.h"

namespace etude {
namespace {

constexpr std::int64_t kParallel = 32768;  // elements from which threads pay

}  // namespace

void cpu::adam(Stream&, const View& w, const View& dw, const View& m, const View& v,
               const AdamParams& params, std::int64_t step) {
  dispatch<float, double>("adam", w.dtype, [&]<class T>() {
    const AdamStep<T> adam(params, step);
    const std::int64_t n = w.numel();
    const T* gradient = dw.as<T>();
    T *weight = w.as<T>(), *mean = m.as<T>(), *square = v.as<T>();
#pragma omp parallel for simd schedule(static) if (n > kParallel)
    for (std::int64_t i = 0; i < n; ++i) adam.update(weight[i], gradient[i], mean[i], square[i]);
  });
}

void cpu::gradient_norm(Stream& s, const View& dw, const View& norm) {
  cpu::reduce(s, Reduction::sum_squares, dw, View(norm.data, norm.dtype, {1}), 1.0);
  dispatch<float, double>("gradient_norm", norm.dtype, [&]<class T>() {
    T& value = *norm.as<T>();
    value = std::sqrt(value);
  });
}

void cpu::clip_gradient(Stream&, const View& dw, const View& norm, double max_norm) {
  dispatch<float, double>("clip_gradient", dw.dtype, [&]<class T>() {
    const T factor = clip_factor(*norm.as<T>(), static_cast<T>(max_norm));
    if (factor == 1) return;
    const std::int64_t n = dw.numel();
    T* gradient = dw.as<T>();
#pragma omp parallel for simd schedule(static) if (n > kParallel)
    for (std::int64_t i = 0; i < n; ++i) gradient[i] *= factor;
  });
}

}  // namespace etude
