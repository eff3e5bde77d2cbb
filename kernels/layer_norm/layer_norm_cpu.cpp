#include "kernels/layer_norm/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"

namespace etude {
namespace {

/// Rows whose part of the parameters' gradients one thread sums: the parts, and so the order of all
/// additions, depend on the shape alone.
constexpr std::int64_t kPartRows = 64;

/// The row's normalisation, of which y is one line, and of which the gradient needs the rest.
template <class C>
struct Row {
  C mean, rstd;
};

template <class T, class C = compute_t<T>>
Row<C> statistics(const T* x, std::int64_t cols, double eps) {
  C sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < cols; ++c) sum += static_cast<C>(x[c]);
  const C mean = sum / static_cast<C>(cols);
#pragma omp simd reduction(+ : squares)
  for (std::int64_t c = 0; c < cols; ++c) {
    const C apart = static_cast<C>(x[c]) - mean;
    squares += apart * apart;
  }
  return {mean, 1 / std::sqrt(squares / static_cast<C>(cols) + static_cast<C>(eps))};
}

/// One row's dx, and what it adds to the parameters' gradients.
template <class T, class C = compute_t<T>>
void row_grad(const T* dy, const T* x, const T* gamma, const Row<C>& row, T* dx, C* dgamma,
              C* dbeta, std::int64_t cols) {
  const C mean = row.mean, rstd = row.rstd;
  C sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
  for (std::int64_t c = 0; c < cols; ++c) {
    const C given = static_cast<C>(dy[c]), normal = (static_cast<C>(x[c]) - mean) * rstd;
    dbeta[c] += given;
    dgamma[c] += given * normal;
    const C d = given * static_cast<C>(gamma[c]);
    sum += d;
    along += d * normal;
  }
  sum /= static_cast<C>(cols), along /= static_cast<C>(cols);
#pragma omp simd
  for (std::int64_t c = 0; c < cols; ++c) {
    const C normal = (static_cast<C>(x[c]) - mean) * rstd;
    const C d = static_cast<C>(dy[c]) * static_cast<C>(gamma[c]);
    dx[c] = static_cast<T>(rstd * (d - sum - normal * along));
  }
}

}  // namespace

void cpu::layer_norm(Stream&, const View& x, const View& gamma, const View& beta, const View& mean,
                     const View& rstd, const View& y, double eps) {
  dispatch<float, double, bf16>("layer_norm", x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const std::int64_t cols = x.dim(1);
    const T *weight = gamma.as<T>(), *shift = beta.as<T>();
    parallel_for(x.dim(0), 3 * x.numel(), [&](std::int64_t r) {
      const T* from = x.as<T>() + r * cols;
      T* to = y.as<T>() + r * cols;
      const Row<C> row = statistics(from, cols, eps);
      mean.as<C>()[r] = row.mean, rstd.as<C>()[r] = row.rstd;
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) {
        const C normal = (static_cast<C>(from[c]) - row.mean) * row.rstd;
        to[c] = static_cast<T>(normal * static_cast<C>(weight[c]) + static_cast<C>(shift[c]));
      }
    });
  });
}

void cpu::layer_norm_grad(Stream&, const View& dy, const View& x, const View& gamma,
                          const View& mean, const View& rstd, const View& dx, const View& dgamma,
                          const View& dbeta) {
  dispatch<float, double, bf16>("layer_norm_grad", x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    static thread_local Scratch scratch;
    const std::int64_t rows = x.dim(0), cols = x.dim(1), parts = (rows + kPartRows - 1) / kPartRows;
    C* sums = scratch.at_least<C>(2 * parts * cols);
    parallel_for(parts, 6 * x.numel(), [&](std::int64_t part) {
      C* own = sums + 2 * part * cols;
      std::fill_n(own, 2 * cols, C{0});
      for (std::int64_t r = part * kPartRows; r < std::min(rows, (part + 1) * kPartRows); ++r) {
        row_grad(dy.as<T>() + r * cols, x.as<T>() + r * cols, gamma.as<T>(),
                 Row<C>{mean.as<C>()[r], rstd.as<C>()[r]}, dx.as<T>() + r * cols, own, own + cols,
                 cols);
      }
    });
    for (std::int64_t c = 0; c < 2 * cols; ++c) {
      C sum = 0;
      for (std::int64_t part = 0; part < parts; ++part) sum += sums[2 * part * cols + c];
      (c < cols ? dgamma : dbeta).as<T>()[c % cols] = static_cast<T>(sum);
    }
  });
}

}  // namespace etude
