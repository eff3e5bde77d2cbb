#include "kernels/layer_norm/layer_norm.h"

#include "kernels/core/cuda.h"
#include "kernels/core/warp.h"

namespace etude {
namespace {

constexpr int kThreads = 256, kRows = kThreads / static_cast<int>(kWarpSize);

/// A warp's row, and the lane's first column.
struct Place {
  std::int64_t row, lane;
  __device__ Place()
      : row(blockIdx.x * std::int64_t{kRows} + warp_id()),
        lane(static_cast<std::int64_t>(lane_id())) {}
};

/// y[r,c] = (x[r,c] - mean[r]) * rstd[r] * gamma[c] + beta[c]
/// shapes  x, y: [rows, C], mean, rstd: [rows]           dtype   T storage, f32 arithmetic
/// launch  a warp per row, block = 256, no barrier
/// error   the variance is summed from the centred row, so it has no cancellation
/// cost    2 * rows * C elements (a row is read three times, twice from L1); memory bound
/// source  Ba et al. 2016, eq. 3
template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_kernel(const T* x, const T* gamma, const T* beta, float* mean, float* rstd, T* y,
                      std::int64_t rows, std::int64_t C, float eps) {
  launch_bound(kThreads);
  const Place at;
  if (at.row >= rows) return;
  x += at.row * C, y += at.row * C;
  float sum = 0, squares = 0;
  for (std::int64_t c = at.lane; c < C; c += kWarpSize) sum += static_cast<float>(x[c]);
  const float centre = warp_sum(sum) / static_cast<float>(C);
  for (std::int64_t c = at.lane; c < C; c += kWarpSize) {
    const float apart = static_cast<float>(x[c]) - centre;
    squares += apart * apart;
  }
  const float scale = 1 / sqrtf(warp_sum(squares) / static_cast<float>(C) + eps);
  for (std::int64_t c = at.lane; c < C; c += kWarpSize) {
    const float normal = (static_cast<float>(x[c]) - centre) * scale;
    y[c] = static_cast<T>(normal * static_cast<float>(gamma[c]) + static_cast<float>(beta[c]));
  }
  if (at.lane == 0) mean[at.row] = centre, rstd[at.row] = scale;
}

/// dx = rstd * (d - mean(d) - n * mean(d * n))     d = dy * gamma, n = (x - mean) * rstd, per row
/// shapes  dy, x, dx: [rows, C]                          dtype   T storage, f32 arithmetic
/// launch  a warp per row, block = 256, no barrier
/// cost    3 * rows * C elements (rows are read twice, once from L1); memory bound
template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_dx_kernel(const T* dy, const T* x, const T* gamma, const float* mean,
                         const float* rstd, T* dx, std::int64_t rows, std::int64_t C) {
  launch_bound(kThreads);
  const Place at;
  if (at.row >= rows) return;
  dy += at.row * C, x += at.row * C, dx += at.row * C;
  const float centre = mean[at.row], scale = rstd[at.row];
  float sum = 0, along = 0;
  for (std::int64_t c = at.lane; c < C; c += kWarpSize) {
    const float d = static_cast<float>(dy[c]) * static_cast<float>(gamma[c]);
    sum += d;
    along += d * (static_cast<float>(x[c]) - centre) * scale;
  }
  sum = warp_sum(sum) / static_cast<float>(C);
  along = warp_sum(along) / static_cast<float>(C);
  for (std::int64_t c = at.lane; c < C; c += kWarpSize) {
    const float d = static_cast<float>(dy[c]) * static_cast<float>(gamma[c]);
    const float normal = (static_cast<float>(x[c]) - centre) * scale;
    dx[c] = static_cast<T>(scale * (d - sum - normal * along));
  }
}

constexpr int kColumns = static_cast<int>(kWarpSize);  // of a block in the two kernels below
constexpr std::int64_t kPartRows = 128;                // rows of a part

/// part[0][p][c] = sum of dy * n, part[1][p][c] = sum of dy, over the p-th kPartRows rows
/// shapes  dy, x: [rows, C], part: [2, parts, C]         dtype   T storage, f32 sums
/// launch  grid = (C / 32, parts), block = 256, shared = 2 KB, 1 barrier
/// error   16 additions in one chain, then 8
/// cost    2 * rows * C elements; memory bound
template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_parts_kernel(const T* dy, const T* x, const float* mean, const float* rstd,
                            float* part, std::int64_t rows, std::int64_t C) {
  launch_bound(kThreads);
  struct Smem {
    float gamma[kRows][kColumns], beta[kRows][kColumns];
  };
  auto& smem = shared<Smem>();
  const unsigned lane = lane_id(), warp = warp_id();
  const std::int64_t c = blockIdx.x * std::int64_t{kColumns} + lane;
  const std::int64_t first = blockIdx.y * kPartRows;
  const std::int64_t end = rows < first + kPartRows ? rows : first + kPartRows;
  float dgamma = 0, dbeta = 0;
  for (std::int64_t r = first + warp; c < C && r < end; r += kRows) {
    const float d = static_cast<float>(dy[r * C + c]);
    dbeta += d;
    dgamma += d * (static_cast<float>(x[r * C + c]) - mean[r]) * rstd[r];
  }
  smem.gamma[warp][lane] = dgamma, smem.beta[warp][lane] = dbeta;
  __syncthreads();
  if (warp > 0 || c >= C) return;
  for (int other = 1; other < kRows; ++other) {
    dgamma += smem.gamma[other][lane], dbeta += smem.beta[other][lane];
  }
  part[blockIdx.y * C + c] = dgamma;
  part[(gridDim.y + blockIdx.y) * C + c] = dbeta;
}

/// dgamma, dbeta = the parts' sums, in ascending order
/// shapes  part: [2, parts, C], dgamma, dbeta: [C]       dtype   f32 sums, T storage
/// launch  one thread per column and result, block = 256
/// edges   no parts: 0
template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_sum_kernel(const float* part, T* dgamma, T* dbeta, std::int64_t parts,
                          std::int64_t C) {
  launch_bound(kThreads);
  const std::int64_t i = blockIdx.x * std::int64_t{kThreads} + threadIdx.x;
  if (i >= 2 * C) return;
  const std::int64_t c = i % C;
  part += i / C * parts * C + c;
  float sum = 0;
  for (std::int64_t p = 0; p < parts; ++p) sum += part[p * C];
  (i < C ? dgamma : dbeta)[c] = static_cast<T>(sum);
}

}  // namespace

void gpu::layer_norm(Stream& s, const View& x, const View& gamma, const View& beta,
                     const View& mean, const View& rstd, const View& y, double eps) {
  dispatch<float, bf16>("layer_norm", x.dtype, [&]<class T>() {
    launch(s, {.grid = grid_of(ceil_div(x.dim(0), kRows)), .block = dim3(kThreads)},
           layer_norm_kernel<T>, x.as<T>(), gamma.as<T>(), beta.as<T>(), mean.as<float>(),
           rstd.as<float>(), y.as<T>(), x.dim(0), x.dim(1), static_cast<float>(eps));
  });
}

void gpu::layer_norm_grad(Stream& s, const View& dy, const View& x, const View& gamma,
                          const View& mean, const View& rstd, const View& dx, const View& dgamma,
                          const View& dbeta) {
  dispatch<float, bf16>("layer_norm_grad", x.dtype, [&]<class T>() {
    const std::int64_t rows = x.dim(0), C = x.dim(1), parts = ceil_div(rows, kPartRows);
    launch(s, {.grid = grid_of(ceil_div(rows, kRows)), .block = dim3(kThreads)},
           layer_norm_dx_kernel<T>, dy.as<T>(), x.as<T>(), gamma.as<T>(), mean.as<float>(),
           rstd.as<float>(), dx.as<T>(), rows, C);
    auto* part =
        static_cast<float*>(s.scratch(sizeof(float) * 2 * static_cast<std::size_t>(parts * C)));
    launch(s, {.grid = grid_of(ceil_div(C, kColumns), parts), .block = dim3(kThreads)},
           layer_norm_parts_kernel<T>, dy.as<T>(), x.as<T>(), mean.as<float>(), rstd.as<float>(),
           part, rows, C);
    launch(s, {.grid = grid_of(ceil_div(2 * C, kThreads)), .block = dim3(kThreads)},
           layer_norm_sum_kernel<T>, part, dgamma.as<T>(), dbeta.as<T>(), parts, C);
  });
}

}  // namespace etude
