#pragma once
// Bottleneck before: none, this is the start.
// Idea: one thread per element of the result, which walks over all that it sums.
// Predicted: correct at once; every operand is read from global memory (at best from L1) once per
// multiplication, so a few percent of the arithmetic peak.

#include "kernels/conv/ladder/epilogue.cuh"
#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_ladder {

constexpr int kDirectThreads = 256;

inline LaunchConfig thread_per_element(const View& result) {
  return {.grid = grid_of(ceil_div(result.numel(), kDirectThreads)), .block = dim3(kDirectThreads)};
}

/// y[b,k,p,q] = leaky(bias_k + sum_{c,r,s} x[b, c, p stride - pad + r dilation, ...] * w[k,c,r,s])
/// shapes  x: [B, C, H, W], w: [K, C/groups, R, S], y: [B, K, P, Q] contiguous
/// dtype   f32 | bf16, f32 accumulation
/// launch  grid = ceil(y / 256), block = 256, no shared memory
/// edges   padding is skipped, not read; C = 0 gives 0
/// error   C/groups * R * S additions in one chain
/// cost    2 * y * C/groups * R * S flops; latency and L1 bound
/// source  the definition
template <class T>
__global__ void __launch_bounds__(kDirectThreads)
    direct_forward_kernel(ConvProblem p, const T* x, const T* w, T* y,
                          ChannelEpilogue<T> epilogue) {
  launch_bound(kDirectThreads);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kDirectThreads + threadIdx.x;
  if (i >= p.B * p.K * p.P * p.Q) return;
  const std::int64_t q = i % p.Q, row = i / p.Q % p.P, k = i / (p.Q * p.P) % p.K;
  const std::int64_t b = i / (p.Q * p.P * p.K), first_c = k / p.Kg() * p.Cg();
  float sum = 0;
  for (std::int64_t c = 0; c < p.Cg(); ++c) {
    const T* plane = x + (b * p.C + first_c + c) * p.H * p.W;
    const T* window = w + (k * p.Cg() + c) * p.R * p.S;
    for (std::int64_t r = 0; r < p.R; ++r) {
      const std::int64_t h = read_position(row, r, p.stride_h, p.pad_h, p.dilation_h);
      if (h < 0 || h >= p.H) continue;
      for (std::int64_t s = 0; s < p.S; ++s) {
        const std::int64_t v = read_position(q, s, p.stride_w, p.pad_w, p.dilation_w);
        if (v < 0 || v >= p.W) continue;
        sum += static_cast<float>(plane[h * p.W + v]) * static_cast<float>(window[r * p.S + s]);
      }
    }
  }
  y[i] = epilogue.activated(sum + epilogue.bias_of(static_cast<int>(k)));
}

/// dw[k,c,r,s] = sum_{b,p,q} dy[b,k,p,q] * x[b, c, p stride - pad + r dilation, ...]
/// shapes  x: [B, C, H, W], dy: [B, K, P, Q], dw: [K, C/groups, R, S] contiguous
/// dtype   f32 | bf16, f32 accumulation
/// launch  grid = ceil(dw / 256), block = 256, no shared memory
/// edges   padding is skipped, not read; B = 0 gives 0
/// error   one chain per image, then a chain over the images
/// cost    2 * dw * B * P * Q flops; latency bound: dw has few elements, so few threads
/// source  the definition
template <class T>
__global__ void __launch_bounds__(kDirectThreads)
    direct_weight_grad_kernel(ConvProblem p, const T* x, const T* dy, T* dw) {
  launch_bound(kDirectThreads);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kDirectThreads + threadIdx.x;
  if (i >= p.K * p.Cg() * p.R * p.S) return;
  const std::int64_t s = i % p.S, r = i / p.S % p.R, k = i / (p.S * p.R * p.Cg());
  const std::int64_t c = k / p.Kg() * p.Cg() + i / (p.S * p.R) % p.Cg();
  float sum = 0;
  for (std::int64_t b = 0; b < p.B; ++b) {
    const T* plane = x + (b * p.C + c) * p.H * p.W;
    const T* from = dy + (b * p.K + k) * p.P * p.Q;
    float image = 0;
    for (std::int64_t row = 0; row < p.P; ++row) {
      const std::int64_t h = read_position(row, r, p.stride_h, p.pad_h, p.dilation_h);
      if (h < 0 || h >= p.H) continue;
      for (std::int64_t q = 0; q < p.Q; ++q) {
        const std::int64_t v = read_position(q, s, p.stride_w, p.pad_w, p.dilation_w);
        if (v < 0 || v >= p.W) continue;
        image += static_cast<float>(from[row * p.Q + q]) * static_cast<float>(plane[h * p.W + v]);
      }
    }
    sum += image;
  }
  dw[i] = static_cast<T>(sum);
}

}  // namespace etude::conv_ladder
