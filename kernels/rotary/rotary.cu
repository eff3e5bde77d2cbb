#include "kernels/rotary/rotary.h"

#include "kernels/core/cuda.h"

namespace etude {
namespace {

constexpr int kThreads = 256;

/// (y[i], y[i + D/2]) = (x[i], x[i + D/2]) turned by (first + t) base^(-2 i / D); values are copied
/// shapes  x, y: [rows, 3, heads, D], row r is place r % T   dtype   T storage, f32 arithmetic,
///         f64 angles
/// launch  one thread per row and pair, for all heads of its query, key and value; block = 256
/// edges   y may be x: a thread reads and writes its own pairs alone
/// error   2 roundings of f32, and that to T
/// cost    2 * rows * 3 * heads * D elements; memory bound
/// source  Su et al. 2021, eq. 34
template <class S>
__global__ void __launch_bounds__(kThreads)
    rotary_kernel(const S* x, S* y, std::int64_t rows, std::int64_t T, std::int64_t heads,
                  std::int64_t D, RotaryParams params) {
  launch_bound(kThreads);
  const std::int64_t half = D / 2, n = blockIdx.x * std::int64_t{kThreads} + threadIdx.x;
  if (n >= rows * half) return;
  const std::int64_t row = n / half, i = n % half;
  const double per_place = pow(params.base, -2 * static_cast<double>(i) / static_cast<double>(D));
  const double angle = static_cast<double>(params.first + row % T) * per_place;
  const auto c = static_cast<float>(cos(angle));
  const auto s = static_cast<float>(params.inverse ? -sin(angle) : sin(angle));
  for (std::int64_t head = 0; head < 3 * heads; ++head) {
    const std::int64_t at = (row * 3 * heads + head) * D + i;
    const S low = x[at], high = x[at + half];
    const bool turned = head < 2 * heads;
    const auto a = static_cast<float>(low), b = static_cast<float>(high);
    y[at] = turned ? static_cast<S>(a * c - b * s) : low;
    y[at + half] = turned ? static_cast<S>(b * c + a * s) : high;
  }
}

}  // namespace

void gpu::rotary(Stream& s, const View& x, const View& y, const RotaryParams& params) {
  dispatch<float, bf16>("rotary", x.dtype, [&]<class S>() {
    const std::int64_t rows = x.dim(0) * x.dim(1), pairs = rows * (x.dim(4) / 2);
    launch(s, {.grid = grid_of(ceil_div(pairs, kThreads)), .block = dim3(kThreads)},
           rotary_kernel<S>, x.as<S>(), y.as<S>(), rows, x.dim(1), x.dim(3), x.dim(4), params);
  });
}

}  // namespace etude
