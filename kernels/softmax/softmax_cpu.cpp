#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <limits>

#include "kernels/core/parallel.h"
#include "kernels/core/vector_math.h"

namespace etude {
namespace {

/// max + log(sum exp(x - max)) over one row, by two plain passes. The maximum may
/// pass over a NaN, the sum does not.
template <class T>
T log_sum_exp(const T* x, std::int64_t cols) {
  T max = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : max)
  for (std::int64_t c = 0; c < cols; ++c) max = x[c] > max ? x[c] : max;
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < cols; ++c) sum += math::exp(x[c] - max);
  return max + math::log(sum);
}

/// Calls body(r, x_row, lse) for each row, rows shared among the threads.
template <class T, class Body>
void for_rows(const View& x, Body body) {
  const std::int64_t rows = x.dim(0), cols = x.dim(1);
  const T* data = x.as<T>();
  // An exponential is the work of several additions.
  parallel_for(rows, 2 * rows * cols, [&](std::int64_t r) {
    body(r, data + r * cols, log_sum_exp(data + r * cols, cols));
  });
}

}  // namespace

void cpu::softmax(Stream&, const View& x, const View& y) {
  dispatch<float, double>("softmax", x.dtype, [&]<class T>() {
    T* out = y.as<T>();
    for_rows<T>(x, [=, cols = x.dim(1)](std::int64_t r, const T* row, T lse) {
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) out[r * cols + c] = math::exp(row[c] - lse);
    });
  });
}

void cpu::log_softmax(Stream&, const View& x, const View& y) {
  dispatch<float, double>("log_softmax", x.dtype, [&]<class T>() {
    T* out = y.as<T>();
    for_rows<T>(x, [=, cols = x.dim(1)](std::int64_t r, const T* row, T lse) {
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) out[r * cols + c] = row[c] - lse;
    });
  });
}

void cpu::cross_entropy(Stream&, const View& x, const View& target, const View& loss) {
  dispatch<float, double>("cross_entropy", x.dtype, [&]<class T>() {
    const std::int32_t* t = target.as<std::int32_t>();
    T* out = loss.as<T>();
    for_rows<T>(x, [=, cols = x.dim(1)](std::int64_t r, const T* row, T lse) {
      const bool inside = t[r] >= 0 && t[r] < cols;
      out[r] = inside ? lse - row[t[r]] : t[r] == -1 ? T{0} : std::numeric_limits<T>::quiet_NaN();
    });
  });
}

void cpu::cross_entropy_grad(Stream&, const View& x, const View& target, const View& dloss,
                             const View& dx) {
  dispatch<float, double>("cross_entropy_grad", x.dtype, [&]<class T>() {
    const std::int32_t* t = target.as<std::int32_t>();
    const T* scale = dloss.as<T>();
    T* out = dx.as<T>();
    for_rows<T>(x, [=, cols = x.dim(1)](std::int64_t r, const T* row, T lse) {
      T* to = out + r * cols;
      const std::int32_t target_class = t[r];
      if (target_class == -1) return void(std::fill_n(to, cols, T{0}));
      if (target_class < 0 || target_class >= cols) {
        return void(std::fill_n(to, cols, std::numeric_limits<T>::quiet_NaN()));
      }
      const T factor = scale[r];
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) to[c] = factor * math::exp(row[c] - lse);
      to[target_class] = factor * (math::exp(row[target_class] - lse) - 1);
    });
  });
}

}  // namespace etude
