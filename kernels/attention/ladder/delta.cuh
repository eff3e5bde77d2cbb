#pragma once
// What the gradients of all rungs begin with.

#include "kernels/attention/ladder/grid.cuh"
#include "kernels/core/vector_math.h"
#include "kernels/core/warp.h"

namespace etude::attention_ladder {

constexpr int kDeltaThreads = 128;

/// delta[h,t] = sum_d dy[h,t,d] y[h,t,d]        which is sum_s p[t,s] dp[t,s]
/// shapes  dy, y: [heads, T, D] rows of any strides, delta: [heads, T]     dtype   f32 | bf16, f32
/// launch  a warp per row, block = 128
/// cost    2 heads T D elements; memory bound
/// source  Dao et al., "FlashAttention", 2022, appendix B.2
template <class T>
__global__ void __launch_bounds__(kDeltaThreads)
    attention_delta(AttentionProblem<T> p, float* delta) {
  launch_bound(kDeltaThreads);
  const std::int64_t row = std::int64_t{blockIdx.x} * (kDeltaThreads / kWarpSize) + warp_id();
  if (row >= p.heads * p.T) return;
  const std::int64_t head = row / p.T, t = row % p.T;
  const T *dy = p.dy.of(head) + t * p.dy.row, *y = p.y.of(head) + t * p.y.row;
  float sum = 0;
  for (int d = static_cast<int>(lane_id()); d < p.D; d += kWarpSize) {
    sum += static_cast<float>(dy[d]) * static_cast<float>(y[d]);
  }
  sum = warp_sum(sum);
  if (lane_id() == 0) delta[row] = sum;
}

template <class T>
void run_delta(Stream& s, const AttentionProblem<T>& p, float* delta) {
  launch(s,
         {.grid = grid_of(ceil_div(p.heads * p.T, kDeltaThreads / kWarpSize)),
          .block = dim3(kDeltaThreads)},
         attention_delta<T>, p, delta);
}

}  // namespace etude::attention_ladder
