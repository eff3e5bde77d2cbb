#pragma once
// Bottleneck before: every multiplication reads both of its factors from global memory.
// Idea: the tiled product of conv's ladder, with another look-up: a column is a position of the
// result, and the depth runs over the channels and taps that may reach it.
// Predicted: 10 to 20 times the gather rung. With stride 2 three of four looked-up elements are the
// zeros between the rows and columns of x: they are multiplied all the same.

#include "kernels/conv/ladder/1_implicit_gemm.cuh"

namespace etude::conv_gemm {

/// dx: rows = C/groups, columns = (b,h,w), depth = (k,r,s). See product_kernel.
struct InputGrad {
  static constexpr bool kColumnsFast = true;
  Shape n;
  const float *dy, *w;
  float* dx;
  int rows, columns, depth;

  InputGrad(const ConvProblem& p, const float* dy_, const float* w_, float* dx_)
      : n(p),
        dy(dy_),
        w(w_),
        dx(dx_),
        rows(n.Cg),
        columns(n.B * n.H * n.W),
        depth(n.Kg * n.R * n.S) {}

  __device__ float a(int group, int c, int d) const {
    const int taps = n.R * n.S, k = group * n.Kg + d / taps;
    return w[(k * n.Cg + c) * taps + d % taps];
  }
  __device__ float b(int group, int d, int column) const {
    const int taps = n.R * n.S, size = n.H * n.W, tap = d % taps, at = column % size;
    const int p = reading_position(at / n.W, tap / n.S, n.stride_h, n.pad_h, n.dilation_h, n.P);
    const int q = reading_position(at % n.W, tap % n.S, n.stride_w, n.pad_w, n.dilation_w, n.Q);
    const int k = group * n.Kg + d / taps;
    return p >= 0 && q >= 0 ? dy[((column / size * n.K + k) * n.P + p) * n.Q + q] : 0.0f;
  }
  __device__ void store(int group, int c, int column, float v) const {
    const int size = n.H * n.W;
    dx[(column / size * n.C + group * n.Cg + c) * size + column % size] = v;
  }
};

}  // namespace etude::conv_gemm
