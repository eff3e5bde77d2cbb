#include "kernels/softmax/softmax.h"

#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/softmax/log_sum_exp.h"

namespace etude {
namespace {

constexpr int kThreads = 256;

/// The whole block's log-sum-exp of one row; every thread gets it.
__device__ LogSumExp<float> row_log_sum_exp(const float* x, std::int64_t cols) {
  LogSumExp<float> state;
  for (std::int64_t c = threadIdx.x; c < cols; c += kThreads) {
    state = state.merge(LogSumExp<float>::of(x[c]));
  }
  return block_reduce<kThreads>(
      state, [](const LogSumExp<float>& a, const LogSumExp<float>& b) { return a.merge(b); });
}

/// y[r,c] = exp(x[r,c] - m_r) / sum_k exp(x[r,k] - m_r), or its logarithm    m_r = max_k x[r,k]
/// shapes  x, y: [rows, cols] contiguous                dtype   f32
/// launch  grid = rows, block = 256, shared = block_reduce's
/// edges   all -inf row -> NaN; cols need not divide 256
/// error   <= 2x a two-pass row in the same dtype
/// cost    3 * rows * cols * 4 bytes (x is read twice; the second time from L2); memory bound
/// source  Milakov & Gimelshein 2018, Alg. 3
template <bool Log>
__global__ void __launch_bounds__(kThreads)
    softmax_kernel(const float* x, float* y, std::int64_t cols) {
  launch_bound(kThreads);
  x += blockIdx.x * cols;
  y += blockIdx.x * cols;
  const LogSumExp<float> row = row_log_sum_exp(x, cols);
  const float shift = Log ? row.value() : row.max;
  const float scale = 1.0f / row.sum;
  for (std::int64_t c = threadIdx.x; c < cols; c += kThreads) {
    y[c] = Log ? x[c] - shift : expf(x[c] - shift) * scale;
  }
}

/// loss[r] = log sum_k exp(x[r,k]) - x[r, target[r]]
/// shapes  x: [rows, cols], target, loss: [rows]         dtype   f32, i32
/// launch  grid = rows, block = 256, shared = block_reduce's
/// edges   target -1 -> 0, any other outside [0, cols) -> NaN
/// cost    rows * cols * 4 bytes; memory bound
/// source  Milakov & Gimelshein 2018, Alg. 3
__global__ void __launch_bounds__(kThreads)
    cross_entropy_kernel(const float* x, const std::int32_t* target, float* loss,
                         std::int64_t cols) {
  launch_bound(kThreads);
  x += blockIdx.x * cols;
  const LogSumExp<float> row = row_log_sum_exp(x, cols);
  if (threadIdx.x == 0) {
    const std::int32_t t = target[blockIdx.x];
    loss[blockIdx.x] = t >= 0 && t < cols ? row.value() - x[t] : t == -1 ? 0.0f : NAN;
  }
}

/// dx[r,c] = dloss[r] * (exp(x[r,c] - lse_r) - [c == target[r]])
/// shapes  x, dx: [rows, cols], target, dloss: [rows]    dtype   f32, i32
/// launch  grid = rows, block = 256, shared = block_reduce's
/// edges   target -1 -> 0, any other outside [0, cols) -> NaN
/// cost    3 * rows * cols * 4 bytes; memory bound
__global__ void __launch_bounds__(kThreads)
    cross_entropy_grad_kernel(const float* x, const std::int32_t* target, const float* dloss,
                              float* dx, std::int64_t cols) {
  launch_bound(kThreads);
  x += blockIdx.x * cols;
  dx += blockIdx.x * cols;
  const float lse = row_log_sum_exp(x, cols).value();
  const std::int32_t t = target[blockIdx.x];
  const float scale = t < cols && t >= 0 ? dloss[blockIdx.x] : NAN;
  for (std::int64_t c = threadIdx.x; c < cols; c += kThreads) {
    dx[c] = t == -1 ? 0.0f : scale * (expf(x[c] - lse) - (c == t ? 1.0f : 0.0f));
  }
}

LaunchConfig block_per_row(const View& x) {
  return {.grid = grid_of(x.dim(0)), .block = dim3(kThreads)};
}

}  // namespace

void gpu::softmax(Stream& s, const View& x, const View& y) {
  launch(s, block_per_row(x), softmax_kernel<false>, x.as<float>(), y.as<float>(), x.dim(1));
}

void gpu::log_softmax(Stream& s, const View& x, const View& y) {
  launch(s, block_per_row(x), softmax_kernel<true>, x.as<float>(), y.as<float>(), x.dim(1));
}

void gpu::cross_entropy(Stream& s, const View& x, const View& target, const View& loss) {
  launch(s, block_per_row(x), cross_entropy_kernel, x.as<float>(), target.as<std::int32_t>(),
         loss.as<float>(), x.dim(1));
}

void gpu::cross_entropy_grad(Stream& s, const View& x, const View& target, const View& dloss,
                             const View& dx) {
  launch(s, block_per_row(x), cross_entropy_grad_kernel, x.as<float>(), target.as<std::int32_t>(),
         dloss.as<float>(), dx.as<float>(), x.dim(1));
}

}  // namespace etude
