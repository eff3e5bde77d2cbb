#pragma once
// Bottleneck before: none, this is the start. (Scattering x's products into y would need atomic
// additions, in an order that changes from run to run.)
// Idea: one thread per element of y, which looks for the elements of x that reach it.
// Predicted: as the direct rung of conv, and stride^2 of stride^2 + 1 looks find nothing.

#include "kernels/conv/ladder/epilogue.cuh"
#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_ladder {

constexpr int kGatherThreads = 256;

/// dx[b,c,h,v] = sum of dy[b,k,p,q] * w[k,c,r,s] over p stride - pad + r dilation = h and
/// q stride - pad + s dilation = v: of the convolution `p`, whose dx is our y and dy our x
/// shapes  dy: [B, K, P, Q], w: [K, C/groups, R, S], dx: [B, C, H, W] contiguous
/// dtype   f32 | bf16, f32 accumulation; then the epilogue, over the c of our y
/// launch  grid = ceil(dx / 256), block = 256, no shared memory
/// edges   an element that nothing reaches (stride > window, output padding) is 0
/// error   K/groups * R * S additions in one chain
/// cost    2 * dy * C/groups * R * S flops, stride^2 times as many looks; latency and L1 bound
/// source  the definition
template <class T>
__global__ void __launch_bounds__(kGatherThreads)
    gather_kernel(ConvProblem p, const T* dy, const T* w, T* dx, ChannelEpilogue<T> epilogue) {
  launch_bound(kGatherThreads);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kGatherThreads + threadIdx.x;
  if (i >= p.B * p.C * p.H * p.W) return;
  const std::int64_t v = i % p.W, h = i / p.W % p.H, c = i / (p.W * p.H) % p.C;
  const std::int64_t b = i / (p.W * p.H * p.C), first_k = c / p.Cg() * p.Kg();
  float sum = 0;
  for (std::int64_t k = first_k; k < first_k + p.Kg(); ++k) {
    const T* plane = dy + (b * p.K + k) * p.P * p.Q;
    const T* window = w + (k * p.Cg() + c % p.Cg()) * p.R * p.S;
    for (std::int64_t r = 0; r < p.R; ++r) {
      const std::int64_t row = reading_position(h, r, p.stride_h, p.pad_h, p.dilation_h, p.P);
      if (row < 0) continue;
      for (std::int64_t s = 0; s < p.S; ++s) {
        const std::int64_t q = reading_position(v, s, p.stride_w, p.pad_w, p.dilation_w, p.Q);
        if (q < 0) continue;
        sum += static_cast<float>(plane[row * p.Q + q]) * static_cast<float>(window[r * p.S + s]);
      }
    }
  }
  dx[i] = epilogue.activated(sum + epilogue.bias_of(static_cast<int>(c)));
}

}  // namespace etude::conv_ladder
