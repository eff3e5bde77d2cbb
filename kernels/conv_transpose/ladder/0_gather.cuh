#pragma once
// Bottleneck before: none, this is the start. (Scattering x's products into y would need atomic
// additions, in an order that changes from run to run.)
// Idea: one thread per element of y, which looks for the elements of x that reach it.
// Predicted: as the direct rung of conv, and stride^2 of stride^2 + 1 looks find nothing.

#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_transpose_gather {

constexpr int kThreads = 256;

/// dx[b,c,h,v] = sum of dy[b,k,p,q] * w[k,c,r,s] over p stride - pad + r dilation = h and
/// q stride - pad + s dilation = v: of the convolution `p`, whose dx is our y and dy our x
/// shapes  dy: [B, K, P, Q], w: [K, C/groups, R, S], dx: [B, C, H, W] contiguous  dtype  f32
/// launch  grid = ceil(dx / 256), block = 256, no shared memory
/// edges   an element that nothing reaches (stride > window, output padding) is 0
/// error   K/groups * R * S additions in one chain
/// cost    2 * dy * C/groups * R * S flops, stride^2 times as many looks; latency and L1 bound
/// source  the definition
__global__ void __launch_bounds__(kThreads)
    gather_kernel(ConvProblem p, const float* dy, const float* w, float* dx) {
  launch_bound(kThreads);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.B * p.C * p.H * p.W) return;
  const std::int64_t v = i % p.W, h = i / p.W % p.H, c = i / (p.W * p.H) % p.C;
  const std::int64_t b = i / (p.W * p.H * p.C), first_k = c / p.Cg() * p.Kg();
  float sum = 0;
  for (std::int64_t k = first_k; k < first_k + p.Kg(); ++k) {
    const float* plane = dy + (b * p.K + k) * p.P * p.Q;
    const float* window = w + (k * p.Cg() + c % p.Cg()) * p.R * p.S;
    for (std::int64_t r = 0; r < p.R; ++r) {
      const std::int64_t row = reading_position(h, r, p.stride_h, p.pad_h, p.dilation_h, p.P);
      if (row < 0) continue;
      for (std::int64_t s = 0; s < p.S; ++s) {
        const std::int64_t q = reading_position(v, s, p.stride_w, p.pad_w, p.dilation_w, p.Q);
        if (q >= 0) sum += plane[row * p.Q + q] * window[r * p.S + s];
      }
    }
  }
  dx[i] = sum;
}

}  // namespace etude::conv_transpose_gather
